"""Write rows as csv, json, parquet or xlsx; text from the data is never a formula."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

FORMATS = ("csv", "json", "parquet", "xlsx")
_FORMULA_STARTS = r"^([=+\-@\t\r])"


def write(frame: pl.DataFrame, form: str, out: Path | None) -> None:
    """Write a frame in one of `FORMATS` to a file, whole or not at all; csv and json may go to stdout."""
    if out is None:
        sys.stdout.write(_csv(frame) if form == "csv" else _json(frame))
        return
    draft = out.with_name(f".{out.name}.part")
    try:
        _WRITERS[form](frame, draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _csv(frame: pl.DataFrame) -> str:
    texts = pl.col(pl.String)
    return frame.with_columns(texts.str.replace(_FORMULA_STARTS, "'$1")).write_csv()


def _json(frame: pl.DataFrame) -> str:
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64)).write_json() + "\n"


def _xlsx(frame: pl.DataFrame, path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(frame.columns)
    for row in frame.iter_rows():
        cells = [WriteOnlyCell(sheet, value) for value in row]
        for cell in cells:
            if isinstance(cell.value, str):
                cell.data_type = "s"
        sheet.append(cells)
    book.save(path)


_WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
    # the mark tells Excel that the text is UTF-8
    "csv": lambda frame, path: path.write_text("\ufeff" + _csv(frame), encoding="utf-8"),
    "json": lambda frame, path: path.write_text(_json(frame), encoding="utf-8"),
    "parquet": lambda frame, path: frame.write_parquet(path),
    "xlsx": _xlsx,
}
