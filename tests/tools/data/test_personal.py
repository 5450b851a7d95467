from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_skills.tools.data.personal import is_card_number, is_id_number, kinds_of

LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("身分證 A123456789 請查收", "id_number"),
        ("ｆ１３１１０４０９３", "id_number"),
        ("居留證A800000014", "id_number"),
        ("打 0912-345-678", "mobile"),
        ("手機0912345678，謝謝", "mobile"),
        ("+886 912 345 678", "mobile"),
        ("電話(02)2345-6789", "landline"),
        ("公司 04-2345-6789 分機 3", "landline"),
        ("+886-7-345-6789", "landline"),
        ("049-2345678", "landline"),
        ("寄到 wang.xm+a@mail.example.com.tw。", "email"),
        ("寄給我abc@example.com吧", "email"),
        ("卡號 4111 1111 1111 1111", "card"),
        ("5555555555554444", "card"),
        ("378282246310005", "card"),
    ],
)
def test_each_form_is_found(text: str, kind: str) -> None:
    assert kinds_of(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "A123456788",
        "訂單 XA123456789",
        "4111 1111 1111 1112",
        "單號 1234567890123456",
        "03-2024-0101",
        "2026-11-22",
        "0912-34-5678-9",
        "@某人 你好",
        "股價 2345.67 元",
        "營收 4111111111111111222 元",
        "統編 04595257",
        "",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert kinds_of(text) == []


@given(st.sampled_from(LETTERS), st.sampled_from("1289"), st.text("0123456789", min_size=7, max_size=7))
def test_of_ten_last_digits_exactly_one_makes_an_id_number(letter: str, second: str, digits: str) -> None:
    right = [last for last in "0123456789" if is_id_number(f"{letter}{second}{digits}{last}")]
    assert len(right) == 1
    assert kinds_of(f"號碼{letter}{second}{digits}{right[0]}。") == ["id_number"]


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_no_card(digits: str, at: int, change: int) -> None:
    number = next(f"4{digits}{last}" for last in "0123456789" if is_card_number(f"4{digits}{last}"))
    broken = number[:at] + str((int(number[at]) + change) % 10) + number[at + 1 :]
    assert kinds_of(number) == ["card"] and not is_card_number(broken)


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert set(kinds_of(text)) <= {"id_number", "card", "mobile", "landline", "email"}
