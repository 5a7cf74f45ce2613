"""Files damaged in their content go the whole way: rows or a coded refusal, and every row accounted for.

20 of each kind, or as many as `KPICLI_FUZZ` says; the same ones in every run.
"""

import os
import random
import zipfile
from pathlib import Path

import pytest

import kpicli
from kpicli.read import ReaderPool

from .conftest import NOW, SAMPLES

NASTY = [
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "2026-13-45",
    "合计",
    "日期",
    "来店",
    "=1+1",
    "\u3000",
    "Ａ",
    "9" * 20,
    "是",
    "<",
    "\x7f",
]
COUNT = int(os.environ.get("KPICLI_FUZZ", "20"))
SEEDS = [
    "2026-10 展厅客流登记表.csv",
    "2026-10 开票明细.xlsx",
    "2026-09 试乘试驾登记表.xlsx",
    "2026年8-10月 销售目标.xlsx",
]


def damaged_text(text: str, chance: random.Random) -> str:
    """Some cells of a csv take another's place, or something nasty."""
    lines = [line.split(",") for line in text.splitlines()]
    for _ in range(chance.randrange(1, 80)):
        line = chance.choice(lines)
        line[chance.randrange(len(line))] = chance.choice([*NASTY, *chance.choice(lines)])
    chance.shuffle(lines) if chance.random() < 0.2 else None
    return "\r\n".join(",".join(line) for line in lines)


def damaged_part(content: bytes, chance: random.Random) -> bytes:
    """Some values of a sheet's XML become others; now and then the XML itself breaks."""
    pieces = content.split(b"<v>")
    for _ in range(chance.randrange(1, 60)):
        number = chance.randrange(len(pieces))
        value, mark, rest = pieces[number].partition(b"</v>")
        if mark:
            word = chance.choice([*NASTY, str(chance.randrange(80_000)), "0.5", str(chance.random())])
            pieces[number] = word.replace("<", "&lt;").replace("\x7f", "").encode() + mark + rest
        elif chance.random() < 0.05:
            pieces[number] = pieces[number][: len(value) // 2]
    return b"<v>".join(pieces)


def damaged(seed: Path, target: Path, chance: random.Random) -> None:
    if seed.suffix == ".csv":
        target.write_bytes(damaged_text(seed.read_text("gb18030"), chance).encode("gb18030", "replace"))
        return
    with zipfile.ZipFile(seed) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, damaged_part(content, chance) if "worksheets/sheet" in name else content)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_no_damaged_content_brings_out_a_bug_or_loses_a_row(seed: str, tmp_path: Path, readers: ReaderPool) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(COUNT):
        damaged(SAMPLES / seed, folder / f"{number}{Path(seed).suffix}", chance)
    workspace = kpicli.open_workspace(store=tmp_path / "store")
    result = kpicli.ingest(workspace, [folder], now=NOW, readers=readers)
    assert len(result.files) == COUNT
    for file in result.files:
        assert "kpicli_bug" not in {issue.code for issue in file.issues}, file
        for sheet in file.sheets:
            assert sheet.rows == sheet.stored + sheet.unchanged + sheet.set_aside + sum(sheet.not_data.values())
            assert min(sheet.stored, sheet.unchanged, sheet.set_aside) >= 0
    assert sum(1 for file in result.files if file.sheets) >= COUNT // 10
    again = kpicli.ingest(workspace, [folder], now=NOW, readers=readers)
    assert again.total("stored") == 0


def test_a_bug_of_ours_refuses_its_file_and_leaves_the_others_alone(
    tmp_path: Path, readers: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kpicli.pipeline import ingest

    recognise = ingest.recognise

    def fails(sheet: object, forms: object, today: object, place: str, named: object) -> object:
        if "开票" in place:
            raise RuntimeError("19900000001")
        return recognise(sheet, forms, today, place, named)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "recognise", fails)
    files = [SAMPLES / "2026-08 开票明细.xlsx", SAMPLES / "2026-08 试乘试驾登记表.xlsx"]
    result = kpicli.ingest(kpicli.open_workspace(store=tmp_path / "store"), files, now=NOW, readers=readers)
    assert [file.status for file in result.files] == ["refused", "partly"]
    assert result.files[0].issues[0].code == "kpicli_bug"
    assert "19900000001" not in result.files[0].issues[0].message()
