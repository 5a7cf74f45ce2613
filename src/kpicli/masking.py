"""Mask personal data: 张* for a name, 138****1234 for a phone, nothing else recognisable."""

import re

import polars as pl

from kpicli.catalogue import PRIVATE_TYPES, Form

_NO_PHONE = ("未留", "不详", "未知", "拒留", "不便", "无", "保养客户", "提车", "送快递", "见合同")
"""Words that stand in phone columns and name nobody."""

_MOBILE = r"(?-u:\b)(1[3-9]\d)\d{4}(\d{4})(?-u:\b)"
"""A mobile inside a text; the bounds are of ASCII, since Chinese characters count as letters otherwise."""


def mask(kind: str, text: str) -> str:
    """Mask one name or phone."""
    if kind == "phone":
        digits = re.sub(r"\D", "", text)
        if len(digits) >= 9:
            return f"{digits[:3]}****{digits[-4:]}"
        if len(digits) >= 7:
            return f"****{digits[-2:]}"
        if digits:
            return "*" * len(digits)
        if text in _NO_PHONE:
            return text
    return text[:1] + "*" if text else text


def shown(kind: str, text: str) -> str:
    """A cell's text as a message may show it: private columns masked, and elsewhere what could be a phone."""
    if kind in PRIVATE_TYPES:
        return mask(kind, text)
    return re.sub(r"\d(?:[\s-]?\d){8,}", lambda digits: mask("phone", digits.group()), text)[:40]


def masked(frame: pl.DataFrame, form: Form) -> pl.DataFrame:
    """Mask every private column of a form's rows, and mobiles in its free text; numbers that are keys stay."""
    changes = []
    keys = {word for words in form.keys for word in words}
    for column in (column for column in form.columns.values() if column.key in frame.columns):
        if column.type == "text" and column.key not in keys:
            changes.append(pl.col(column.key).str.replace_all(_MOBILE, "$1****$2"))
        if column.type in PRIVATE_TYPES:
            words = frame[column.key].drop_nulls().unique().to_list()
            changes.append(pl.col(column.key).replace({word: mask(column.type, word) for word in words}))
    return frame.with_columns(changes)
