"""Masking: what is shown of a person is enough to find the row, and not enough to find the person."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.catalogue import Form
from kpicli.masking import mask, masked

from .workbooks import steady

FORMS = loading.load().forms


@pytest.mark.parametrize(
    ("name", "shown"), [("张三", "张*"), ("欧阳娜娜", "欧*"), ("张先生", "张*"), ("张", "张*"), ("Li", "L*"), ("", "")]
)
def test_of_a_name_the_first_letter_stays(name: str, shown: str) -> None:
    assert mask("name", name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("19900000001", "199****0001"),
        ("02155500011", "021****0011"),
        ("+86 199-0000-0001", "861****0001"),
        ("未留", "未留"),
        ("", ""),
        ("110", "***"),
        ("5550001", "****01"),
    ],
)
def test_of_a_phone_its_ends_stay_and_words_do(phone: str, shown: str) -> None:
    assert mask("phone", phone) == shown


@settings(steady, max_examples=100)
@given(st.text("0123456789 -+()", min_size=1, max_size=20))
def test_a_mask_never_shows_more_than_seven_digits_nor_all_of_them(phone: str) -> None:
    digits = [letter for letter in phone if letter.isdigit()]
    shown = [letter for letter in mask("phone", phone) if letter.isdigit()]
    assert len(shown) <= min(7, max(len(digits) - 2, 0))


def test_a_masked_phone_stays_masked() -> None:
    assert mask("phone", "199****0001").count("*") >= 4


def test_the_private_columns_of_a_frame_are_masked_and_no_others() -> None:
    frame = pl.DataFrame(
        {
            "customer": ["张三丰", None, "李四光"],
            "phone": ["19900000001", "未留", None],
            "consultant": ["王磊", "李娜", None],
            "note": ["张三丰", "", None],
        }
    )
    assert masked(frame, FORMS["visits"]).to_dict(as_series=False) == {
        "customer": ["张*", None, "李*"],
        "phone": ["199****0001", "未留", None],
        "consultant": ["王磊", "李娜", None],
        "note": ["张三丰", "", None],
    }


def test_a_frame_without_anybody_in_it_is_masked_too() -> None:
    empty = pl.DataFrame(
        {"customer": [None, None], "phone": [None, None]}, dict.fromkeys(("customer", "phone"), pl.String)
    )
    assert masked(empty, FORMS["visits"]).equals(empty)
    assert masked(empty.clear(), FORMS["visits"]).height == 0


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_masks_its_people(form: Form) -> None:
    people = {key for key, column in form.columns.items() if column.type in ("name", "phone")}
    keys = {word for words in form.keys for word in words}
    free = {key for key, column in form.columns.items() if column.type == "text"} - keys
    frame = pl.DataFrame({key: ["张三丰19900000001"] for key in form.columns})
    shown = masked(frame, form).row(0, named=True)
    assert {key for key, text in shown.items() if text != "张三丰19900000001"} == people | free
    assert {shown[key] for key in free} <= {"张三丰199****0001"}


def test_a_mobile_in_a_note_is_masked_and_a_number_that_is_a_key_is_not() -> None:
    visits = loading.load().forms["visits"]
    texts = {"visit_no": "19900001111", "note": "请致电19900001111或0199000011112，合同20261003001"}
    row = {name: texts.get(name) for name in visits.columns}
    frame = pl.DataFrame([row], schema=dict.fromkeys(visits.columns, pl.String))
    seen = masked(frame, visits)
    assert seen["note"].item() == "请致电199****1111或0199000011112，合同20261003001"
    assert seen["visit_no"].item() == "19900001111"
