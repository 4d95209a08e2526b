"""What holds for any text in Chinese, Japanese, Finnish, Latvian, Hindi and Arabic."""

import random
import re

import pytest

from tests.unit.cloning.reading.languages.annotated import reading

PIECES = {
    "zh": "年 月 日 点 點 个 個 第 度 元 两 人 斤 后 亿 比 打 密码 １ ２ ． ％",
    "ja": "年 月 日 時 円 人 第 速 は が 〜 １ ２ 分の",
    "fi": "klo maassa kerroksessa ihmistä :ssä luvulla s n",
    "lv": "gada maijā grāmatas klasē gads ā",
    "hi": "वाँ ला सन् में बजे करोड़ ५ १ २ री",
    "ar": "عام في القرن الـ سيارات و ٣ ٤ ٥ ٫ ٬ ٪ مساءً",
}
SHARED = [
    *"01234567890123456789.,:/-+ %$€°'\"²½&=×—()#@~\n",
    "12:30",
    "1,000",
    "24/7",
    "km",
    "3.",
    "1998",
    "20 ",
    "😀",
    "a",
    "V",
]
PLAIN = {
    "zh": "今天天气很好，我们一起去公园玩儿吧！「好的」她说：明天见……iPhone和Windows都行。第二名。",
    "ja": "今日はいい天気ですね。「ええ、そうですね」と彼女は言った。コーヒー、二つ。",
    "fi": "Tänään on kaunis päivä, eikö niin? – On, sanoi hän.",
    "lv": "Šodien ir skaista diena, vai ne? – Jā, viņa teica.",
    "hi": "आज मौसम बहुत अच्छा है, है ना? “हाँ,” उसने कहा।",
    "ar": "الطقس جميل اليوم، أليس كذلك؟ قالت: «نعم».",
}
LANGUAGES = sorted(PIECES)


def _texts(language: str, count: int) -> list[str]:
    chance = random.Random(f"texts in {language}")  # noqa: S311 - the same texts each time
    pieces = [*PIECES[language].split(), *SHARED]
    return ["".join(chance.choices(pieces, k=chance.randrange(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_second_reading_changes_nothing(language: str) -> None:
    """What stays as it is written stays so again; the spans cover the reading, in order."""
    for text in _texts(language, 1000):
        once = reading(language, text)

        assert reading(language, once.text).text == once.text, text
        assert "".join(once.text[span.start : span.end] for span in once.spans) == once.text
        assert all(a.text_end <= b.text_start for a, b in zip(once.spans, once.spans[1:], strict=False))


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_words_stay_as_they_are(language: str) -> None:
    """Plain words stay as they are, with punctuation of any width."""
    assert reading(language, PLAIN[language]).text == PLAIN[language]


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_no_digit_is_left_but_in_dates_that_nobody_can_tell(language: str) -> None:
    """No digit is left, except in ambiguous dates: either a rule knows it, or it is read as a number."""
    for text in _texts(language, 1000):
        left = re.sub(r"[0-9０-９]+(?:[/.-][0-9０-９]+)+", "", reading(language, text).text)
        assert not re.search("[0-9０-９]", left), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "piece", ["1", "1.", "1,111", "1-", "+1 ", "1/", "a1", "a.", "1+", "2 ", "(02)", "$", "II", "http://", "é1'"]
)
def test_long_runs_of_one_piece_are_read_in_time(language: str, piece: str) -> None:
    """Ten times the text takes about ten times as long: rules don't backtrack."""
    reading(language, piece * (20_000 // len(piece)))
