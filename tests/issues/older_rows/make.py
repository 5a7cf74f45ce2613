"""Read once more after its correction was read."""

RUNS = [["input.csv"], ["later.csv"], ["input.csv"]]
