"""The largest sheet there can be is read within the limits, every row of it."""

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import kpicli
from kpicli.read import Limits, ReaderPool

from .conftest import NOW
from .workbooks import package

ROWS = 1_048_576
WORDS = ["日期", "来店性质", "客户姓名", "联系电话", "首次", "再次", *(f"客户{chr(0x5E00 + n)}" for n in range(200))]
SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def sheet_xml() -> Iterator[str]:
    """One sheet's part, in pieces: a header, then rows to the last one a sheet has. October begins with 46296."""
    yield f'<?xml version="1.0"?><worksheet xmlns="{SPACE}"><sheetData>'
    yield '<row r="1">' + "".join(f'<c r="{"ABCD"[n]}1" t="s"><v>{n}</v></c>' for n in range(4)) + "</row>"
    for row in range(2, ROWS + 1):
        yield (
            f'<row r="{row}"><c r="A{row}"><v>{46296 + row * 31 // (ROWS + 1)}</v></c>'
            f'<c r="B{row}" t="s"><v>{4 + row % 2}</v></c><c r="C{row}" t="s"><v>{6 + row % 200}</v></c>'
            f'<c r="D{row}"><v>{19_900_000_000 + row}</v></c></row>'
        )
    yield "</sheetData></worksheet>"


def largest(path: str) -> Path:
    small = package("small.xlsx", "")
    texts = "".join(f"<si><t>{word}</t></si>" for word in WORDS)
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in source.namelist():
            if name == "xl/_rels/workbook.xml.rels":
                kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
                link = f'<Relationship Id="s" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
                archive.writestr(name, source.read(name).decode().replace("</Relationships>", link))
            elif not name.startswith("xl/worksheets/"):
                archive.writestr(name, source.read(name))
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{SPACE}">{texts}</sst>')
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for piece in sheet_xml():
                part.write(piece.encode())
    return Path(path)


def resident(process: int) -> int:
    """MiB that a process holds now; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * 4096 >> 20


@pytest.mark.long
def test_the_largest_sheet_is_read_within_two_gibibytes() -> None:
    path = largest("largest.xlsx")
    limits = Limits(seconds=120)
    done = threading.Event()
    peak = 0

    def watch(child: int) -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, resident(child))

    with ReaderPool(1, limits) as readers:
        child = readers._children[0]._process.pid
        watcher = threading.Thread(target=watch, args=(child,))
        watcher.start()
        workspace = kpicli.open_workspace(store="store")
        result = kpicli.ingest(workspace, [path], now=NOW, readers=readers)
        done.set()
        watcher.join()
    (sheet,) = result.files[0].sheets
    assert (sheet.rows, sheet.stored, sheet.not_data["header"]) == (ROWS, ROWS - 1, 1)
    assert peak < limits.memory_mib
