"""The child process that opens untrusted files: one JSON request a line in, one JSON answer a line out.

Started as ``python -m kpicli.read.worker``. Cells go back as Arrow files in a folder the parent owns and removes.
"""

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = (
    "1"  # set before polars is loaded: a reader needs one thread, and threads cost memory
)

from kpicli.read import package, sniff, text, xlsx
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import Content, Limits, RawSheet
from kpicli.words import readable


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(request)), flush=True)  # noqa: T201 - the pipe is the protocol
        _give_back()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Read one file into Arrow files in the request's folder; a refusal is an answer too."""
    limits = Limits(**request["limits"])
    _limit_memory(limits.memory_mib)
    try:
        content = read(Path(request["path"]), limits, request["password"])
    except Refusal as refusal:
        return {"refused": refusal.code, "values": refusal.values}
    except OSError as error:
        return {"refused": "file_unreadable", "values": {"why": error.strerror or "?"}}
    except BaseException as error:  # out of memory, or a panic of the reading library: that derives from BaseException
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"refused": "reader_died", "values": {}}
    folder = Path(request["folder"])
    return {
        "saved": str(content.saved) if content.saved else None,
        "origin": content.origin,
        "sheets": [_hand_over(sheet, folder / f"{number}.arrow") for number, sheet in enumerate(content.sheets)],
    }


def read(path: Path, limits: Limits, password: str | None = None) -> Content:
    """Read one file by what its bytes are, and tell when it was saved where it says so; raise `Refusal`."""
    with path.open("rb") as stream:
        head = stream.read(sniff.HEAD)
    if not head:
        raise Refusal("empty_file")
    kind = sniff.container(head)
    if kind == "zip":
        return _read_package(path, limits)
    if kind not in ("ole", *_READERS):
        raise Refusal("not_a_table", kind=kind)
    content = path.read_bytes()
    if kind == "ole":
        return _read_ole(content, limits, password)
    return Content(_READERS[kind](content, readable(path.stem)))


def _read_package(source: Path | bytes, limits: Limits) -> Content:
    with package.opened(source, limits) as archive:
        if package.kind(archive) == "ods":
            from kpicli.read import ods

            return ods.read(archive)
        found = package.inspect(archive)
    return Content(xlsx.read(source, found), found.saved, found.origin)


def _read_ole(content: bytes, limits: Limits, password: str | None) -> Content:
    """An OLE container: an old workbook, one under a password, or another program's document."""
    from kpicli.read import ole, xls

    if ole.kind(content) == "encrypted":
        return _read_package(ole.decrypted(content, password), limits)
    try:
        return Content(xls.read(content))
    except Refusal as refusal:
        if refusal.code != "encrypted":
            raise
    return Content(xls.read(ole.decrypted(content, password)))


def _read_xls(content: bytes, name: str = "") -> list[RawSheet]:
    from kpicli.read import xls

    return xls.read(content)


def _read_html(content: bytes, name: str) -> list[RawSheet]:
    from kpicli.read import markup

    return markup.read_html(content, name)


def _read_mhtml(content: bytes, name: str) -> list[RawSheet]:
    from kpicli.read import markup

    return markup.read_mhtml(content, name)


def _read_spreadsheetml(content: bytes, name: str) -> list[RawSheet]:
    from kpicli.read import spreadsheetml

    return spreadsheetml.read(content)


def _read_fods(content: bytes, name: str) -> list[RawSheet]:
    from kpicli.read import ods

    return ods.read_flat(content)


_READERS: dict[str, Callable[[bytes, str], list[RawSheet]]] = {
    "biff": _read_xls,
    "fods": _read_fods,
    "html": _read_html,
    "mhtml": _read_mhtml,
    "spreadsheetml": _read_spreadsheetml,
    "text": text.read,
}
"""Container → what reads it. Rare ones load their libraries when they are met."""


def _hand_over(sheet: RawSheet, path: Path) -> dict[str, Any]:
    if sheet.cells.width:
        sheet.cells.write_ipc(path, compression="uncompressed")  # it is read and removed at once
    return {
        "name": sheet.name,
        "arrow": str(path) if sheet.cells.width else None,
        "hidden": sheet.hidden,
        "date1904": sheet.date1904,
        "faults": [astuple(fault) for fault in sheet.faults],
        "merges": [astuple(merge) for merge in sheet.merges],
        "hidden_rows": sheet.hidden_rows,
    }


def _give_back() -> None:
    """Return freed memory to the system: the C library keeps it, and the next file may be long in coming."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc can be told so
        ctypes.CDLL(None).malloc_trim(0)


def _limit_memory(mebibytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit; the time limit still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
