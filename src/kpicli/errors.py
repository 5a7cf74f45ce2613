"""What stops a command: one tree, caught once, in `kpicli.cli`.

::

    KpicliError            anything expected that ends a command
    ├── UsageError         the words of the call are wrong                       exit 2
    │   └── DefinitionError   a form, book or workspace file has mistakes        exit 2
    ├── StoreError         the store or an output could not be read or written   exit 4
    └── NothingToReport    no data for the period asked for                      exit 5

A problem of the *data* is not here: it is an `Issue`, a value that travels beside the result.
"""

from collections.abc import Sequence


class KpicliError(Exception):
    """An expected end of a command, with a stable code, what happened, and what to do next."""

    exit_code = 2

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UsageError(KpicliError):
    """The call's words do not fit."""


class DefinitionError(UsageError):
    """Definitions with mistakes; carries every one of them, not the first."""

    def __init__(self, mistakes: Sequence[object]) -> None:
        lines = "\n".join(str(mistake) for mistake in mistakes)
        super().__init__("definition_mistakes", f"定义文件有 {len(mistakes)} 处错误：\n{lines}", "改正后再运行")
        self.mistakes = tuple(mistakes)


class StoreError(KpicliError):
    """The store or an output failed."""

    exit_code = 4


class NothingToReport(KpicliError):
    """There is no data for the period."""

    exit_code = 5
