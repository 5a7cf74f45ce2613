"""Edit the parts of an Office package as bytes: what is not touched comes out as it went in."""


class PackageError(ValueError):
    """A package that cannot be edited: damaged, foreign, or with a DOCTYPE.

    Its text is for a log; the words for the user are the caller's.
    """
