"""The command line: the only place that knows arguments, streams, the clock, the environment and exit codes."""

import os
import sys
import traceback
from itertools import pairwise
from typing import NoReturn

import typer

from kpicli.cli.commands import app
from kpicli.errors import KpicliError
from kpicli.messages import Language

__all__ = ["app", "run"]

BUG = 70


def run() -> NoReturn:
    """Run the app and end the process; every end that is no result passes here, once."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a GBK pipe must not break on a rare character
    code = _ended()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _ended() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except typer.TyperException as error:  # wrong words, told in the way of the command line's library
        from typer.rich_utils import rich_format_error

        rich_format_error(error)  # type: ignore[arg-type]
        return _document(KpicliError("usage", message=getattr(error, "message", str(error))))
    except KpicliError as error:
        return _told(error)
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # the command line's library saw the reader of our output go away, as `| head` does
        return 0
    except Exception:
        traceback.print_exc()
        _told(KpicliError("internal_error"))
        return BUG


def _told(error: KpicliError) -> int:
    """Say on stderr what ended the command and what to do; give the exit code."""
    from kpicli.present.values import plain

    language = _language()
    lines = error.message(language).splitlines() + [f"→ {line}" for line in error.hint(language).splitlines()]
    sys.stderr.write(f"{'Error: ' if language == 'en' else '错误：'}" + "\n".join(map(plain, lines)) + "\n")
    return _document(error)


def _document(error: KpicliError) -> int:
    """With --json an error is a document too."""
    if "--json" in sys.argv:
        from kpicli.cli.output import write_json
        from kpicli.present import json

        write_json(json.error(error, _language()))
    return error.exit_code


def _language() -> Language:
    """The language asked for on the command line, of whose options an error may have kept the rest from being read."""
    words = sys.argv[1:]
    return "en" if "--lang=en" in words or ("--lang", "en") in pairwise(words) else "zh"
