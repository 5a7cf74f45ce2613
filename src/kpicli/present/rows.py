"""Write rows as csv, json, parquet or xlsx; text from the data is never a formula."""

import codecs
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from kpicli.errors import StoreError

FORMATS = ("csv", "json", "parquet", "xlsx")
_FORMULA_STARTS = r"^([=+\-@\t\r])"


def write(frame: pl.DataFrame, form: str, out: Path | None) -> None:
    """Write a frame in one of `FORMATS` to a file, whole or not at all; csv and json may go to stdout.

    Raises `StoreError` when the file cannot be written.
    """
    if out is None:
        sys.stdout.write(_csv(frame) if form == "csv" else _json(frame))
        return
    write_bytes(_CONTENTS[form](frame), out)


def write_bytes(content: bytes, out: Path) -> None:
    """Write a file, whole or not at all; raise `StoreError` when it cannot be written."""
    draft = out.with_name(f".{out.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError("output_failed", out=str(out), why=error.strerror or "?") from error


def _csv(frame: pl.DataFrame) -> str:
    texts = pl.col(pl.String)
    return frame.with_columns(texts.str.replace(_FORMULA_STARTS, "'$1")).write_csv()


def _json(frame: pl.DataFrame) -> str:
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64)).write_json() + "\n"


def _parquet(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


def _xlsx(frame: pl.DataFrame) -> bytes:
    from xlsxwriter import Workbook

    content = io.BytesIO()
    book = Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    dates = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, frame.columns)
    for place, column in enumerate(frame):
        sheet.write_column(1, place, column.to_list(), dates if column.dtype == pl.Date else None)
    sheet.freeze_panes(1, 0)
    book.close()
    return content.getvalue()


_CONTENTS: Mapping[str, Callable[[pl.DataFrame], bytes]] = {
    "csv": lambda frame: codecs.BOM_UTF8 + _csv(frame).encode(),  # the mark tells Excel that the text is UTF-8
    "json": lambda frame: _json(frame).encode(),
    "parquet": _parquet,
    "xlsx": _xlsx,
}
