"""The child process that opens untrusted files: one JSON request a line in, one JSON answer a line out.

Started as ``python -m kpicli.read.worker``. Cells go back as Arrow files in a folder the parent owns and removes.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = (
    "1"  # set before polars is loaded: a reader needs one thread, and threads cost memory
)

from kpicli.read import sniff, text, xlsx
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import Limits, RawSheet

_UNSUPPORTED = {
    "ole": "旧版 .xls 或加密的工作簿",
    "html": "网页 (HTML)",
    "xml": "XML 表格",
    "mhtml": "网页归档 (MHTML)",
}


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(request)), flush=True)  # noqa: T201 - the pipe is the protocol


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Read one file into Arrow files in the request's folder; a refusal is an answer too."""
    limits = Limits(**request["limits"])
    _limit_memory(limits.memory_mib)
    try:
        sheets, saved = read(Path(request["path"]), limits)
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
        "saved": str(saved) if saved else None,
        "sheets": [_hand_over(sheet, folder / f"{number}.arrow") for number, sheet in enumerate(sheets)],
    }


def read(path: Path, limits: Limits) -> tuple[list[RawSheet], object]:
    """Read one file by what its bytes are; raise `Refusal`."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head:
        raise Refusal("empty_file")
    kind = sniff.container(head)
    if kind == "zip":
        return xlsx.read(path, limits)
    if kind == "text":
        return text.read(path), None
    if kind in _UNSUPPORTED:
        raise Refusal("unsupported_format", kind=_UNSUPPORTED[kind])
    raise Refusal("not_a_table", kind=kind)


def _hand_over(sheet: RawSheet, path: Path) -> dict[str, Any]:
    if sheet.cells.width:
        sheet.cells.write_ipc(path, compression="lz4")
    return {
        "name": sheet.name,
        "arrow": str(path) if sheet.cells.width else None,
        "hidden": sheet.hidden,
        "date1904": sheet.date1904,
        "faults": [[fault.row, fault.column, fault.code, fault.value] for fault in sheet.faults],
    }


def _limit_memory(mebibytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit; the time limit still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
