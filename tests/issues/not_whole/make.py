"""A later file that was to be the whole truth, with a row that cannot be read."""

RUNS = [["input.csv"], ["later.csv"]]
OPTIONS = {"replace": True}
