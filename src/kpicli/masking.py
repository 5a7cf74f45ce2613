"""Mask personal data: 张* for a name, 138****1234 for a phone, nothing else recognisable."""

import re

import polars as pl

from kpicli.catalogue import PRIVATE_TYPES, Form


def mask(kind: str, text: str) -> str:
    """Mask one name or phone."""
    if kind == "phone":
        digits = re.sub(r"\D", "", text)
        if len(digits) >= 7:
            return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 9 else "****" + digits[-2:]
        return "*" * len(digits) if digits else text
    return text[:1] + "*" if text else text


def masked(frame: pl.DataFrame, form: Form) -> pl.DataFrame:
    """Mask every private column of a form's rows."""
    changes = []
    for column in form.columns.values():
        if column.type in PRIVATE_TYPES and column.key in frame.columns:
            words = frame[column.key].drop_nulls().unique().to_list()
            changes.append(pl.col(column.key).replace({word: mask(column.type, word) for word in words}))
    return frame.with_columns(changes)
