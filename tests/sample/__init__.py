"""A made-up showroom, its exports and an independent count: the truth that kpicli is held against."""
