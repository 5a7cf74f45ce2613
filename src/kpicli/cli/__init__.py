"""The command line: the only place that knows arguments, streams, the clock, the environment and exit codes."""

import os
import sys
import traceback

from kpicli.cli.commands import app
from kpicli.errors import KpicliError

__all__ = ["app", "run"]

BUG = 70


def run() -> None:
    """Run the app; every end of a command that is no result passes here once."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a GBK pipe must not break on a rare character
    try:
        app()
    except KpicliError as error:
        sys.exit(_stopped(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception:
        traceback.print_exc()
        sys.stderr.write("\nkpicli 内部错误，请把以上内容发给维护者\n")
        sys.exit(BUG)


def _stopped(error: KpicliError) -> int:
    if "--json" in sys.argv:
        from kpicli.cli.output import write_json
        from kpicli.present import json

        write_json(json.error(error))
    sys.stderr.write(f"错误：{error.message}\n")
    if error.hint:
        sys.stderr.write(f"→ {error.hint}\n")
    return error.exit_code
