"""The one exception of the reading steps: this file is refused, and why."""


class Refusal(Exception):
    """A file that is not read; carries an issue code and what fills its message."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.values = values
