"""The log of a workspace: what was run, when, and how it ended; codes and counts alone, nothing of what was read."""

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path

from kpicli.errors import KpicliError

FILE = "kpicli.log"
_SIZE, _KEPT = 500_000, 3
"""Bytes of one file, and how many older ones stay."""


@contextmanager
def logged(folder: Path, zone: tzinfo, command: str) -> Iterator[logging.Logger]:
    """Note the beginning and the end of a command in ``kpicli.log``, which is turned over when it has grown.

    A log that cannot be written keeps nothing from being done.
    """
    logger = logging.Logger(command, logging.INFO)
    try:
        handler = logging.handlers.RotatingFileHandler(
            folder / FILE, maxBytes=_SIZE, backupCount=_KEPT, encoding="utf-8", delay=True
        )
    except OSError:
        handler = None
    if handler:
        handler.setFormatter(_Formatter(zone))
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        logger.addHandler(handler)
    logger.info("begin")
    try:
        yield logger
    except KpicliError as error:
        logger.error("end exit=%s code=%s", error.exit_code, error.code)
        raise
    except BaseException as error:
        code = getattr(error, "exit_code", None)  # how the command line's library ends a command
        logger.info("end exit=%s", code) if code is not None else logger.error("end %s", type(error).__name__)
        raise
    else:
        logger.info("end exit=0")
    finally:
        if handler:
            handler.close()


class _Formatter(logging.Formatter):
    """Time where the workspace is, level, command, message: on one line."""

    def __init__(self, zone: tzinfo) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.zone = zone

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, self.zone).isoformat(timespec="seconds")
