from pathlib import Path

from msoffcrypto.format.ooxml import OOXMLFile
from tests.workbooks import book

OPTIONS = {"password": "别的"}


def make(folder: Path) -> list[Path]:
    plain = book(f"{folder}/plain.xlsx", ["日期", "来店性质"], ["2026-10-03", "首次"])
    with plain.open("rb") as source, (folder / "input.xlsx").open("wb") as target:
        OOXMLFile(source).encrypt("秘密", target)
    return [folder / "input.xlsx"]
