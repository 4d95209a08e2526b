"""Numbers in Chinese characters."""

import pytest

from cloning.reading.languages.han.numerals import chinese, digits, japanese


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (10, "十"),
        (19, "十九"),
        (20, "二十"),
        (101, "一百零一"),
        (110, "一百一十"),
        (200, "二百"),
        (1001, "一千零一"),
        (1010, "一千零一十"),
        (2000, "两千"),
        (2222, "两千二百二十二"),
        (10000, "一万"),
        (10010, "一万零一十"),
        (20000, "两万"),
        (100000, "十万"),
        (120000, "十二万"),
        (1005000, "一百万五千"),
        (100000001, "一亿零一"),
        (200000000, "两亿"),
        (1234567890, "十二亿三千四百五十六万七千八百九十"),
        (1000000000000, "一万亿"),
    ],
)
def test_chinese_says_inner_zeros_once_and_liang_before_thousands(number: int, words: str) -> None:
    """In Chinese 零 stands for any run of zeros inside, and two thousand is 两千."""
    assert chinese(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "零"),
        (10, "十"),
        (100, "百"),
        (105, "百五"),
        (1000, "千"),
        (1998, "千九百九十八"),
        (10000, "一万"),
        (11000, "一万千"),
        (10000000, "一千万"),
        (100000000, "一億"),
        (1000000000000, "一兆"),
    ],
)
def test_japanese_says_no_zeros_and_no_one_before_ten_hundred_thousand(number: int, words: str) -> None:
    """In Japanese zeros are left out, and 一 stands before the larger units only."""
    assert japanese(number) == words


def test_digits_are_said_one_by_one_in_either_width() -> None:
    """Digits are read one by one, in either width; other characters are left out."""
    assert digits("１0-2", zero="零", one="幺") == "幺零二"
