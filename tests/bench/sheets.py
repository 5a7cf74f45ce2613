"""Makes large exports as Excel saves them: `python -m tests.bench.sheets FOLDER [--rows N]`.

Four workbooks with every column of their form under its label. The same call gives the same bytes. All people are
made up.
"""

from __future__ import annotations

import argparse
import random
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import kpicli

Cell = str | int | float | date | time | None
Row = dict[str, Any]

FORMS = ("visits", "intentions", "test_drives", "invoices")
MONTH, _LAST = date(2026, 10, 1), date(2026, 10, 31)
_HISTORY = 334
"""Intentions go back so many days before the month, a year in all."""

_STAFF = ("张伟", "李娜", "王磊", "刘洋", "陈静", "赵敏", "周强", "吴婷", "郑凯", "孙悦", "马超", "林芳")
_FAMILY, _GIVEN = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔",
    ("建国", "敏", "志强", "秀英", "磊", "丽华", "洋", "雪", "俊杰", "桂兰"),
)
_MODELS = ("君威", "君越", "威朗", "英朗", "昂科威", "昂科威S", "昂科旗", "GL8 ES陆尊", "GL8 世纪", "微蓝6", "E5")
_SOURCES = ("路过", "网络", "朋友介绍", "老客户转介绍", "汽车之家", "懂车帝", "抖音", "车展", "户外广告", "电台")
_LEVELS = ("H", "A", "B", "C")
_NEEDS = ("要大空间", "看重油耗", "关注配置", "对比竞品", "家里第二辆车", "等活动价", "想置换旧车", "要现车")
_WISHES = ("白色", "黑色", "红色", "不限颜色", "自动挡", "顶配", "中配", "低配", "分期", "全款")
_REASONS = ("价格", "买了竞品", "暂不购车", "无现车", "联系不上")


def write_all(folder: Path, rows: int) -> dict[str, Path]:
    """Write the four workbooks; gives form → path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for form in FORMS:
        label = _definition(form)["label"]
        paths[form] = folder / f"{MONTH:%Y-%m} {label}.xlsx"
        write(paths[form], label, list(table(form, rows)))
    return paths


def table(form: str, rows: int, month: date = MONTH, first: int = 0) -> Iterator[list[Cell]]:
    """The header of a form, then its rows by date. Numbers and customers count up from `first`; a quarter come back."""
    columns = _definition(form)["columns"]
    yield [column["label"] for column in columns.values()]
    start = month - timedelta(days=_HISTORY) if form == "intentions" else month
    days = ((month + timedelta(days=31)).replace(day=1) - start).days
    chance = random.Random(f"{form} {month}")
    for number in range(rows):
        row = _MAKERS[form](chance, first + number, start + timedelta(days=number * days // rows))
        row |= _person(chance, first // 4 + chance.randrange(max(rows // 3, 1)))
        yield [row[key] for key in columns]


def _definition(form: str) -> dict[str, Any]:
    path = Path(kpicli.__file__).parent / "definitions" / "forms" / f"{form}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


# The rows


def _person(chance: random.Random, customer: int) -> Row:
    """The columns all forms have. One in twenty leaves no phone."""
    name = _FAMILY[customer % 24] + _GIVEN[customer // 24 % 10]
    phone = None if chance.random() < 0.05 else str(19_900_000_000 + customer)
    return {"customer": name, "phone": phone, "consultant": chance.choice(_STAFF), "model": chance.choice(_MODELS)}


def _visit(chance: random.Random, number: int, day: date) -> Row:
    arrive, stay = chance.randrange(540, 1020), chance.randrange(5, 150)
    call = chance.random() < 0.2
    return {
        "visit_no": f"KL{day:%Y%m}{number:07d}",
        "date": day,
        "arrive": _clock(arrive),
        "leave": None if call else _clock(arrive + stay),
        "party": None if call else chance.randrange(1, 5),
        "channel": "来电" if call else "来店",
        "contact": chance.choice(("首次", "首次", "再次")),
        "source": chance.choice(_SOURCES),
        "event": "国庆车展" if chance.random() < 0.1 else None,
        "retained": _flag(chance, 0.75),
        "level": chance.choice(_LEVELS),
        "test_drive": _flag(chance, 0.3),
        "note": f"{chance.choice(_NEEDS)}，{chance.choice(_WISHES)}" if chance.random() < 0.4 else None,
    }


def _intention(chance: random.Random, number: int, day: date) -> Row:
    status = chance.choices(("跟进中", "订单", "成交", "战败", "失效"), (55, 5, 15, 22, 3))[0]

    def after(start: date, days: int) -> date:
        return min(start + timedelta(days=chance.randrange(days)), _LAST)

    ordered = after(day, 20) if status in ("订单", "成交") else None
    followed = after(day, 30)
    return {
        "customer_no": f"QK{number:08d}",
        "created": day,
        "source": chance.choice(_SOURCES),
        "channel": chance.choice(("来店", "来电", "网络")),
        "level": "O" if ordered else chance.choice(_LEVELS),
        "status": status,
        "order_date": ordered,
        "won_date": after(ordered, 15) if ordered and status == "成交" else None,
        "lost_date": after(day, 60) if status == "战败" else None,
        "lost_reason": chance.choice(_REASONS) if status == "战败" else None,
        "last_follow": followed,
        "next_follow": followed + timedelta(days=chance.randrange(1, 15)) if status == "跟进中" else None,
        "expected": chance.choice(("一周内", "一个月内", "三个月内", "半年内", None)),
    }


def _test_drive(chance: random.Random, number: int, day: date) -> Row:
    start, away, km = chance.randrange(540, 1020), chance.randrange(10, 60), chance.randrange(500, 20_000)
    return {
        "drive_no": f"SJ{day:%Y%m}{number:07d}",
        "date": day,
        "start": _clock(start),
        "end": _clock(start + away),
        "plate": f"沪A{chance.randrange(40):04d}试",
        "km_out": km,
        "km_in": km + chance.randrange(3, 30),
        "kind": chance.choice(("试驾", "试驾", "试乘")),
        "invited": _flag(chance, 0.5),
        "satisfied": _flag(chance, 0.9),
        "route": chance.choice(("A线", "B线", "高架线")),
        "agreement": _flag(chance, 0.97),
    }


def _invoice(chance: random.Random, number: int, day: date) -> Row:
    taken_back = chance.random() < 0.01
    amount = chance.randrange(9_000_000, 40_000_000) / 100
    return {
        "invoice_no": f"{31_000_000 + number:08d}",
        "date": day,
        "vin": _vin(number),
        "channel": chance.choices(("展厅", "二级网点", "大客户", "集团"), (80, 12, 5, 3))[0],
        "amount": -amount if taken_back else amount,
        "cost": round(amount * 0.96, 2),
        "accessories": chance.choice((0, 980, 1_680, 3_280.5)),
        "insurance": chance.randrange(300_000, 900_000) / 100,
        "loan": chance.choice(("按揭", "全款")),
        "warranty": chance.choice((None, 1_999, 2_999)),
        "trade_in": _flag(chance, 0.25),
        "kind": "红字" if taken_back else "蓝字",
    }


_MAKERS: dict[str, Callable[[random.Random, int, date], Row]] = {
    "visits": _visit,
    "intentions": _intention,
    "test_drives": _test_drive,
    "invoices": _invoice,
}


def _clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


def _flag(chance: random.Random, share: float) -> str:
    return "是" if chance.random() < share else "否"


def _vin(number: int) -> str:
    """A VIN with its check digit."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    bare = f"LSGKB52H0TS{number:06d}"
    digits = (values[char] if char in values else int(char) for char in bare)
    rest = sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 11
    return f"{bare[:8]}{'X' if rest == 10 else rest}{bare[9:]}"


# The package

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_CORE = "application/vnd.openxmlformats-package.core-properties+xml"

_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_KIND}.sharedStrings+xml"/>'
    f'<Override PartName="/docProps/core.xml" ContentType="{_CORE}"/></Types>'
)
_PARTS_OF_PACKAGE = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    "</Relationships>"
)
_PARTS_OF_WORKBOOK = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
)
_PROPERTIES = (
    f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    '<dcterms:modified xsi:type="dcterms:W3CDTF">2026-11-01T01:00:00Z</dcterms:modified></cp:coreProperties>'
)
_STYLES = (  # cell style 1 is a date, 2 a time of day
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="176" formatCode="yyyy-mm-dd"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="宋体"/></font></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3">'
    + "".join(f'<xf numFmtId="{code}" fontId="0" fillId="0" borderId="0" xfId="0"/>' for code in (0, 176, 20))
    + '</cellXfs><cellStyles count="1"><cellStyle name="常规" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_DAY_ZERO = date(1899, 12, 30).toordinal()


def write(path: Path, sheet: str, rows: Sequence[Sequence[Cell]]) -> None:
    """Write a workbook of one sheet, laid out as Excel does; a library takes several times as long."""
    strings: dict[str, int] = {}
    book = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts: dict[str, Iterable[str]] = {
        "[Content_Types].xml": [_TYPES],
        "_rels/.rels": [_PARTS_OF_PACKAGE],
        "docProps/core.xml": [_PROPERTIES],
        "xl/workbook.xml": [book],
        "xl/_rels/workbook.xml.rels": [_PARTS_OF_WORKBOOK],
        "xl/styles.xml": [_STYLES],
        "xl/worksheets/sheet1.xml": _sheet(rows, strings),
        "xl/sharedStrings.xml": _shared(strings),  # runs after the sheet, which gathers them
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, pieces in parts.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as stream:
                stream.write(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n')
                for piece in pieces:
                    stream.write(piece.encode())


def _sheet(rows: Sequence[Sequence[Cell]], strings: dict[str, int]) -> Iterator[str]:
    letters = [chr(ord("A") + place) for place in range(len(rows[0]))]
    yield f'<worksheet xmlns="{_MAIN}"><dimension ref="A1:{letters[-1]}{len(rows)}"/><sheetData>'
    for number, row in enumerate(rows, start=1):
        cells = [_cell(f"{letter}{number}", value, strings) for letter, value in zip(letters, row, strict=True)]
        yield f'<row r="{number}" spans="1:{len(row)}">{"".join(cells)}</row>'
    yield "</sheetData></worksheet>"


def _cell(place: str, value: Cell, strings: dict[str, int]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
    if isinstance(value, date):
        return f'<c r="{place}" s="1"><v>{value.toordinal() - _DAY_ZERO}</v></c>'
    if isinstance(value, time):
        return f'<c r="{place}" s="2"><v>{(value.hour * 60 + value.minute) / 1440}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def _shared(strings: dict[str, int]) -> Iterator[str]:
    yield f'<sst xmlns="{_MAIN}" uniqueCount="{len(strings)}">'
    for text in strings:
        yield f"<si><t>{escape(text)}</t></si>"
    yield "</sst>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    for path in write_all(arguments.folder, arguments.rows).values():
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path}")


if __name__ == "__main__":
    main()
