"""Numbers keep their significant digits, however small or large the price is."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QDateTime, QLocale

from app.number_format import (
    moment,
    number,
    plain_number,
    price_decimals,
    read_decimal,
    read_whole,
    significant,
    use_english,
)
from app.widgets.chart_header import _change_text, price


@pytest.fixture(autouse=True)
def plain_locale() -> None:
    QLocale.setDefault(QLocale.c())


@pytest.mark.parametrize(
    "size", [3e-13, 1.1234e-9, 1.1234e-5, 0.0567, 0.98, 1.0845, 45.2, 714_530.0]
)
def test_a_price_of_any_size_shows_at_least_three_digits(size: float) -> None:
    text = price(size).replace(",", "")
    assert float(text) == pytest.approx(size, rel=1e-2)
    assert len(text.replace(".", "").lstrip("0")) >= 3


def test_a_change_is_written_like_the_price_beside_it() -> None:
    assert price(5.13e-7, 1.1234e-5) == "5.13e-07"
    assert price(0.5, 714_530.0) == "0.50"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.448e-7, "8.448e-07"),
        (1.5e-25, "1.500e-25"),
        (0.0, "0.0"),
        (12345.6, "12346"),
        (math.nan, "–"),
    ],
)
def test_a_score_keeps_four_digits(value: float, text: str) -> None:
    assert significant(value).replace(",", "") == text


def test_decimals_follow_the_size_of_a_price() -> None:
    assert [price_decimals(item) for item in (9.4e12, 714_530.0, 2.0, 1.0845, 1.1e-5)] == [
        0,
        2,
        2,
        4,
        9,
    ]
    assert number(1.1e-5, price_decimals(1.1e-5)) == "0.000011000"


def test_a_huge_number_shows_no_digits_that_it_does_not_hold() -> None:
    assert number(1.1454e32, 2) == plain_number(1.1454e32, 2) == "1.14540e+32"
    assert plain_number(1.5e14, 2) == "150,000,000,000,000.00"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0,005", 0.005),
        ("0.005", 0.005),
        ("1e-3", 0.001),
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("1,000,000", 1e6),
        ("5,", 5.0),
        ("x", None),
    ],
)
def test_a_decimal_comma_is_a_decimal_mark(typed: str, value: float | None) -> None:
    assert read_decimal(typed) == value


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1000", 1000),
        ("1,000", 1000),
        ("-12,345,678", -12_345_678),
        ("0,005", None),
        ("1,5", None),
        ("1.5", None),
    ],
)
def test_a_whole_number_is_never_read_out_of_a_fraction(typed: str, value: int | None) -> None:
    assert read_whole(typed) == value


def test_nothing_is_never_less_than_nothing() -> None:
    assert [number(value, 1) for value in (-0.04, -0.0, 0.04, -0.06)] == [
        "0.0",
        "0.0",
        "0.0",
        "-0.1",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (number(8.0662e-10, price_decimals(8.0662e-10)), "8.0662e-10"),
        (number(-8.0662e-10, 14), "-8.0662e-10"),
        (significant(8.524e-6, 3), "8.52e-06"),
        (significant(0.0000123, 3), "0.0000123"),
        (number(0.00001, 7), "0.0000100"),
        (number(3e-7, 4), "0.0000"),
        (plain_number(8.0662e-10, 14), "8.0662e-10"),
        (plain_number(12345.678, 2), "12,345.68"),
    ],
)
def test_tiny_numbers_have_an_exponent_instead_of_zeros_to_count(text: str, shown: str) -> None:
    assert text == shown


def test_the_window_is_in_english_whatever_the_system_says() -> None:
    QLocale.setDefault(QLocale("de_DE"))
    use_english()
    assert number(53174, 0) == "53,174"
    assert number(0.005, 3) == "0.005"
    assert moment(QDateTime(2026, 3, 9, 14, 51, 0)) == "9 Mar 2026, 14:51"


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert _change_text(-0.002, 80.47).endswith("(0.00 %)")
    assert _change_text(-0.8, 80.0).endswith("(-1.00 %)")
    assert _change_text(0.8, 80.0).endswith("(+1.00 %)")
