"""The command line: the only place that knows arguments, streams, the clock, the environment and exit codes."""

import codecs
import os
import sys
import traceback
from itertools import pairwise
from typing import Any, NoReturn

import typer

from kpicli.cli.commands import app
from kpicli.errors import KpicliError
from kpicli.messages import Language

__all__ = ["app", "run"]

BUG = 70
HELP = "--help"


def run() -> NoReturn:
    """Run the app and end the process; every end that is no result passes here, once."""
    codecs.register_error("kpicli", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="kpicli")
    code = _ended(_language())
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What a pipe cannot say: a GBK one lacks the minus sign, which must not become a question mark."""
    assert isinstance(error, UnicodeEncodeError)
    lost = error.object[error.start : error.end]
    return "".join("-" if letter == "−" else "?" for letter in lost), error.end


def _ended(language: Language) -> int:
    try:
        return int(_called(language) or 0)
    except typer.TyperException as error:  # wrong words, told in the way of the command line's library
        from typer.rich_utils import rich_format_error

        rich_format_error(error)  # type: ignore[arg-type]
        return _document(KpicliError("usage", message=getattr(error, "message", str(error))), language)
    except KpicliError as error:
        return _told(error, language)
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # the command line's library saw the reader of our output go away, as `| head` does
        return 0
    except Exception:
        traceback.print_exc()
        _told(KpicliError("internal_error"), language)
        return BUG


def _called(language: Language) -> Any:
    """Call the app, its help in that language."""
    asked, words = _without_language(sys.argv[1:])
    command = typer.main.get_command(app)
    if language == "en":
        from kpicli.cli.translation import translated

        command = translated(command)
    if asked is None:
        return command(standalone_mode=False)
    sys.argv[1:] = words  # on Windows the command line's library expands patterns in these alone
    defaults = None if HELP in words else _defaults(command, asked)  # help would tell them
    return command(standalone_mode=False, default_map=defaults)


def _without_language(words: list[str]) -> tuple[str | None, list[str]]:
    """Take the language out of the words before the first command, and of a call for help out of all.

    There it is an option of nothing, or not of every command, and still what a reader of English writes.
    """
    asked, kept, rest = None, [], list(words)
    while rest and (rest[0].startswith("-") or HELP in words):
        if rest[:2] in (["--lang", "zh"], ["--lang", "en"]):
            asked, rest = rest[1], rest[2:]
        elif rest[0] in ("--lang=zh", "--lang=en"):
            asked, rest = rest[0].removeprefix("--lang="), rest[1:]
        else:
            kept.append(rest.pop(0))
    return asked, kept + rest


def _defaults(command: Any, language: str) -> dict[str, Any]:
    """A language as the default of every ``--lang`` of a command and of those below it."""
    inner = getattr(command, "commands", {})
    return {"lang": language} | {name: _defaults(one, language) for name, one in inner.items()}


def _told(error: KpicliError, language: Language) -> int:
    """Say on stderr what ended the command and what to do; give the exit code."""
    from kpicli.present.values import plain

    lines = error.message(language).splitlines() + [f"→ {line}" for line in error.hint(language).splitlines()]
    sys.stderr.write(f"{'Error: ' if language == 'en' else '错误：'}" + "\n".join(map(plain, lines)) + "\n")
    return _document(error, language)


def _document(error: KpicliError, language: Language) -> int:
    """With --json an error is a document too."""
    if "--json" in sys.argv:
        from kpicli.cli.output import write_json
        from kpicli.present import json

        write_json(json.error(error, language))
    return error.exit_code


def _language() -> Language:
    """The language of help and errors, whose cause may have kept the options from being read.

    English where the words ask for it anywhere, or where they ask for none and KPICLI_LANG does.
    """
    words = sys.argv[1:]
    asked = {after for word, after in pairwise(words) if word == "--lang"}
    asked |= {word.removeprefix("--lang=") for word in words if word.startswith("--lang=")}
    if asked & {"zh", "en"}:
        return "en" if "en" in asked else "zh"
    return "en" if os.environ.get("KPICLI_LANG") == "en" else "zh"
