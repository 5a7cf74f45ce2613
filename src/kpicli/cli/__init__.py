"""The command line: the only place that knows arguments, streams, the clock, the environment and exit codes."""

import os
import sys
import traceback
from typing import NoReturn

import typer

from kpicli.cli.commands import app
from kpicli.errors import KpicliError

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
        return _told(KpicliError("usage", getattr(error, "message", str(error))))
    except KpicliError as error:
        sys.stderr.write(f"错误：{error.message}\n" + (f"→ {error.hint}\n" if error.hint else ""))
        return _told(error)
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # the command line's library saw the reader of our output go away, as `| head` does
        return 0
    except Exception:
        traceback.print_exc()
        hint = "请把错误信息发给维护者"
        sys.stderr.write(f"\nkpicli 内部错误，{hint}\n")
        _told(KpicliError("internal_error", "kpicli 内部错误", hint))
        return BUG


def _told(error: KpicliError) -> int:
    """With --json an error is a document too; give its exit code."""
    if "--json" in sys.argv:
        from kpicli.cli.output import write_json
        from kpicli.present import json

        write_json(json.error(error))
    return error.exit_code
