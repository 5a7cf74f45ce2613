"""A later file that is the whole truth of its days."""

RUNS = [["input.csv"], ["later.csv"]]
OPTIONS = {"replace": True}
