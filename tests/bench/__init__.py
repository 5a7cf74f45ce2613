"""Measures what the README promises about speed and memory, by hand: `python -m tests.bench.ingest` and its siblings.

Only ratios are promised, of commands run in turn on one machine. Nothing here runs in the test suite.
"""
