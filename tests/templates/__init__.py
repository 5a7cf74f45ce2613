"""The shipped Excel templates, as scripts: `python -m tests.templates` writes them into ``templates/``.

A person may restyle the files in Excel; what the scripts fix is what a new one begins with.
"""
