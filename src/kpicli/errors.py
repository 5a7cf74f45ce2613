"""What stops a command: one tree, caught once, in `kpicli.cli`.

::

    KpicliError            anything expected that ends a command
    ├── UsageError         the words of the call are wrong                       exit 2
    │   └── DefinitionError   a form, book or workspace file has mistakes        exit 2
    ├── StoreError         the store or an output could not be read or written   exit 4
    └── NothingToReport    no data for the period asked for                      exit 5

A problem of the *data* is not here: it is an `Issue`, a value that travels beside the result.
"""

import traceback
from collections.abc import Sequence
from pathlib import Path

from kpicli.messages import Language, Words, catalogue, fill


class KpicliError(Exception):
    """An expected end of a command; its code is a key of ``definitions/errors.toml``."""

    exit_code = 2

    def __init__(self, code: str, **values: str | Words) -> None:
        self.code = code
        self.values = values
        super().__init__(self.message())

    def message(self, language: Language = "zh") -> str:
        """Say what happened."""
        return fill(catalogue("errors")[self.code].text, self.values, language)

    def hint(self, language: Language = "zh") -> str:
        """Say what to do next."""
        return fill(catalogue("errors")[self.code].hint, self.values, language)


class UsageError(KpicliError):
    """The call's words do not fit."""


class DefinitionError(UsageError):
    """Definitions with mistakes; carries every one of them, not the first."""

    def __init__(self, mistakes: Sequence[object]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("definition_mistakes", count=str(len(mistakes)), mistakes="\n".join(map(str, mistakes)))


class StoreError(KpicliError):
    """The store or an output failed."""

    exit_code = 4


class NothingToReport(KpicliError):
    """There is no data for the period."""

    exit_code = 5


def place_of(error: Exception) -> str:
    """What kind of bug of ours an exception is, and where; its text could hold personal data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} ({Path(last.filename).name}:{last.lineno})"
