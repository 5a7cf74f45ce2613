"""Any bytes: damaged files of every container go the whole way, and give rows or one coded refusal.

600 of them by default; as many as `KPICLI_MUTATIONS` says otherwise. The same ones in every run.
"""

import io
import os
import random
import re
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from datetime import time as clock
from itertools import pairwise
from pathlib import Path

import olefile
import pytest

import kpicli
from kpicli.issues import codes
from kpicli.pipeline.ingest import FileAccount
from kpicli.read import ReaderPool, Workbook

from . import containers as c
from .conftest import NOW
from .containers import ErrorValue, Layout

PASSWORD = "秘密"
HEADERS = [
    "日期",
    "来店时间",
    "客户姓名",
    "联系电话",
    "接触方式",
    "来店性质",
    "销售顾问",
    "来店人数",
    "是否试驾",
    "备注",
]
VISITS = [
    ["展厅客流登记表"],
    HEADERS,
    *(
        [
            date(2026, 10, day),
            clock(9, day),
            f"张{day}",
            19900000000 + day,
            "来店",
            "首次",
            "王磊",
            day % 4,
            day > 5,
            "上\n下",
        ]
        for day in range(1, 9)
    ),
    ["合计", None, None, None, None, None, None, ErrorValue("#N/A")],
]
SHEETS = {"十月": VISITS, "说明": [["备注", "以上为十月客流"]]}
ONE = {"十月": VISITS}
LAYOUT = Layout(merges=("A1:J1",), hidden_rows=(5,), hidden_sheets=("说明",))

SEEDS: dict[str, Callable[[str], Path]] = {
    "xlsx": lambda path: c.xlsx(path, SHEETS, LAYOUT),
    "strict xlsx": lambda path: c.strict_xlsx(path, SHEETS, LAYOUT),
    "xlsm": lambda path: c.xlsm(path, SHEETS, LAYOUT),
    "xlsb": lambda path: c.xlsb(path, SHEETS, LAYOUT),
    "ods": lambda path: c.ods(path, SHEETS, LAYOUT),
    "xls": lambda path: c.xls(path, SHEETS, LAYOUT, codepage=936),
    "BIFF5": lambda path: c.biff(path, SHEETS, LAYOUT),
    "BIFF8 without container": lambda path: c.biff(path, SHEETS, LAYOUT, 8, bare=True),
    "xls under a password": lambda path: c.encrypted_xls(path, SHEETS, LAYOUT, PASSWORD),
    "xlsx under a password": lambda path: c.encrypted_xlsx(path, SHEETS, LAYOUT, PASSWORD),
    "SpreadsheetML": lambda path: c.spreadsheetml(path, SHEETS, LAYOUT, wps=True),
    "SpreadsheetML in GBK": lambda path: c.spreadsheetml(path, SHEETS, LAYOUT, prefix="ss:", encoding="gbk"),
    "HTML": lambda path: c.jsp_html(path, SHEETS, LAYOUT),
    "HTML in GBK": lambda path: c.jsp_html(path, SHEETS, LAYOUT, encoding="gbk"),
    "web page of Excel": lambda path: c.excel_html(path, ONE, LAYOUT),
    "MHTML": lambda path: c.mhtml(path, SHEETS, LAYOUT),
    "MHTML in base64": lambda path: c.mhtml(path, ONE, LAYOUT, transfer="base64"),
    "csv in GB18030": lambda path: c.delimited(path, ONE, encoding="gb18030"),
    "tab-separated in UTF-16": lambda path: c.delimited(path, ONE, delimiter="\t", encoding="utf-16-le"),
    "\\x01-separated": lambda path: c.delimited(path, ONE, delimiter="\x01"),
}
COUNT = int(os.environ.get("KPICLI_MUTATIONS", "600"))
MOST_DEATHS = 0.01
"""Of all files of one kind; a process that ends costs one refusal, but it is no way to refuse."""


# Damage

NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
PIECES = [b"<", b">", b'"', b"&", b"\0", b"\xff\xff", b"99999999", b"-1", b"<!DOCTYPE a>", b"</table>", b"\r\n", b"=3D"]


def changed(content: bytes, chance: random.Random) -> bytes:
    """Some bytes replaced, one bit or all eight."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8, 64])):
        place = chance.randrange(len(damaged))
        damaged[place] = damaged[place] ^ 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(256)
    return bytes(damaged)


def inserted(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice([*PIECES, chance.randbytes(chance.randrange(1, 40))]) + content[place:]


def deleted(content: bytes, chance: random.Random) -> bytes:
    start, length = piece(content, chance)
    return content[:start] + content[start + length :]


def duplicated(content: bytes, chance: random.Random) -> bytes:
    start, length = piece(content, chance)
    return (
        content[: start + length]
        + content[start : start + length] * chance.choice([1, 1, 30])
        + content[start + length :]
    )


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def measured(content: bytes, chance: random.Random) -> bytes:
    """A number of two or four bytes, as lengths and offsets are, or of some digits, takes an extreme value."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 3])):
        place, number = chance.randrange(max(len(content) - 4, 1)), chance.choice(NUMBERS)
        size = chance.choice([2, 4])
        damaged[place : place + size] = struct.pack("<I", number)[:size]
    return bytes(damaged)


def renumbered(content: bytes, chance: random.Random) -> bytes:
    """A number written in digits becomes another."""
    places = [place for place, byte in enumerate(content) if 48 <= byte < 58]
    if not places:
        return changed(content, chance)
    place = chance.choice(places)
    return (
        content[:place]
        + chance.choice([b"0", b"-1", b"99999999", b"1e308", b"16385", b"1048577"])
        + content[place + 1 :]
    )


def piece(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Where a piece starts and how long it is."""
    return chance.randrange(len(content)), chance.choice([1, 2, 4, chance.randrange(1, 600)])


DAMAGES = [changed, changed, inserted, deleted, duplicated, truncated, measured, renumbered]


def damaged(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 2])):
        content = chance.choice(DAMAGES)(content or b"\0", chance)
    return content


def mutation(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The file damaged: as it lies, or inside its package or container, or its head with another's tail."""
    if chance.random() < 0.05:
        other = chance.choice(others)
        return seed[: chance.randrange(len(seed))] + other[chance.randrange(len(other)) :]
    if seed.startswith(b"PK") and chance.random() < 0.7:
        return inside_package(seed, chance)
    if seed.startswith(b"\xd0\xcf") and chance.random() < 0.6:
        return inside_container(seed, chance)
    return damaged(seed, chance)


def inside_package(seed: bytes, chance: random.Random) -> bytes:
    """One part damaged, in a package that is whole."""
    with zipfile.ZipFile(io.BytesIO(seed)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    weights = [8 if "sheet" in name or name.endswith(("workbook.bin", "content.xml")) else 1 for name in parts]
    (hit,) = chance.choices(list(parts), weights)
    return c.packed(parts | {hit: damaged(parts[hit], chance)})


def inside_container(seed: bytes, chance: random.Random) -> bytes:
    """The records of an old workbook damaged, in a container that is whole; others as they lie."""
    with olefile.OleFileIO(io.BytesIO(seed)) as container:
        for name in ("Workbook", "Book"):
            if container.exists(name):
                return c.ole(damaged(container.openstream(name).read(), chance), name)
    return damaged(seed, chance)


# What comes of it


class Watched:
    """A pool that knows the password, looks at what it reads and keeps the codes, not the cells."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers
        self.codes: dict[Path, set[str]] = {}
        self.longest = 0.0

    def read(self, path: Path, password: str | None = None) -> Workbook:
        start = time.monotonic()
        workbook = self._readers.read(path, password or PASSWORD)
        self.longest = max(self.longest, time.monotonic() - start)
        check_reading(workbook)
        self.codes[path] = {issue.code for issue in workbook.issues}
        return workbook


def check_reading(workbook: Workbook) -> None:
    assert {issue.code for issue in workbook.issues} <= set(codes())
    if not workbook.sheets:
        (issue,) = workbook.issues
        assert issue.severity == "error"
        assert "…" not in issue.message()
    for sheet in workbook.sheets:
        assert all(fault.row >= 1 for fault in sheet.faults)
        assert all(1 <= merge.top <= merge.bottom for merge in sheet.merges)
        assert all(row >= 1 for row in sheet.hidden_rows)


def check_account(account: FileAccount) -> None:
    assert "kpicli_bug" not in {issue.code for issue in account.issues}, account
    assert account.sheets or account.issues
    for sheet in account.sheets:
        assert sheet.rows == sheet.stored + sheet.unchanged + sheet.set_aside + sum(sheet.not_data.values())
        assert min(sheet.stored, sheet.unchanged, sheet.set_aside, *sheet.not_data.values(), 0) == 0


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every container once, with names of sheets and times that do not change from run to run."""
    folder = tmp_path_factory.mktemp("seeds")
    return {kind: write(str(folder / str(number))).read_bytes() for number, (kind, write) in enumerate(SEEDS.items())}


def mutations(kind: str, seeds: dict[str, bytes]) -> Iterator[bytes]:
    others = [content for other, content in seeds.items() if other != kind]
    for number in range(-(-COUNT // len(SEEDS))):
        yield mutation(seeds[kind], others, random.Random(f"{kind} {number}"))


@pytest.mark.parametrize("kind", SEEDS)
def test_every_seed_is_read_and_stored_while_it_is_whole(
    kind: str, seeds: dict[str, bytes], tmp_path: Path, readers: ReaderPool
) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(seeds[kind])
    workspace = kpicli.open_workspace(store=tmp_path / "store")
    (account,) = kpicli.ingest(workspace, [path], dry_run=True, now=NOW, readers=Watched(readers)).files
    assert [sheet.stored for sheet in account.sheets if sheet.form] == [8]


@pytest.mark.long
@pytest.mark.parametrize("kind", SEEDS)
def test_damaged_files_give_rows_or_one_refusal(
    kind: str, seeds: dict[str, bytes], tmp_path: Path, readers: ReaderPool
) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    files = [folder / f"{number}.dat" for number in range(-(-COUNT // len(SEEDS)))]
    for path, content in zip(files, mutations(kind, seeds), strict=True):
        path.write_bytes(content)
    watched = Watched(readers)
    moments = [time.monotonic()]
    peak(forget=True)
    workspace = kpicli.open_workspace(store=tmp_path / "store")
    result = kpicli.ingest(
        workspace,
        files,
        dry_run=True,
        now=NOW,
        readers=watched,
        progress=lambda account: moments.append(time.monotonic()),
    )
    assert len(result.files) == len(files) == len(watched.codes)
    for account in result.files:
        check_account(account)
    deaths = [path for path, found in watched.codes.items() if found & {"reader_died", "reader_timeout"}]
    for path in deaths:
        print(f"{kind}: {watched.codes[path]} on {path}")
    assert len(deaths) <= max(1, MOST_DEATHS * len(files)), f"{len(deaths)} of {len(files)}"
    assert watched.longest < 35
    assert max(later - earlier for earlier, later in pairwise(moments)) < 40
    assert peak() < 2 << 20


def peak(forget: bool = False) -> int:
    """The most memory this process held, in KiB, since it was last told to forget."""
    status, forgetting = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not forgetting.exists():
        return 0
    if forget:
        forgetting.write_text("5", encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text("ascii"))[1])  # type: ignore[index]
