"""Which words a recording can hold, and which texts a voice of another script would draw out."""

import pytest

from cloning.planning.pace import is_plausible, slowness
from tests.conftest import SPOKEN

ZH = "对，这就是我，万人敬仰的太乙真人。"
RUSSIAN = "Сегодня прекрасная погода, и мы идём гулять в парк."


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (SPOKEN, 4.96),  # f5-tts's own recordings
        (ZH, 6.16),
        (SPOKEN, 4.96 * 3),  # read very slowly
        (SPOKEN, 4.96 / 2),
        ("To be... or not to be.", 6.0),
        ("Ten. 9. 8. 7. 6. 5.", 10.0),  # a countdown
        ("Hello.", 1.2),
        ("Yes.", 1.0),
        (RUSSIAN, 4.0),
        ("नमस्ते, आप कैसे हैं?", 2.5),
        ("よろしくおねがいします。", 1.2),
        ("안녕하세요 여러분", 2.0),
        ("สวัสดีครับ ยินดีต้อนรับ", 2.2),
        ("The quick brown fox jumps over the lazy dog, and then it sleeps for an hour or two in the sun.", 3.0),
    ],
)
def test_what_people_say_is_plausible(text: str, seconds: float) -> None:
    """Slow readers, fast ones and countdowns are plausible, in each script."""
    assert is_plausible(text, seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thank you.", 4.96),  # what a Whisper hears in noise
        ("Thanks for watching!", 11.0),
        ("word " * 70, 4.96),
        ("谢谢。", 4.96),
        ("对，这就是我，万人敬仰的太乙真人。" * 6, 4.96),
        ("......", 3.0),
    ],
)
def test_what_nobody_says_in_that_time_is_not(text: str, seconds: float) -> None:
    """Words that nobody says in that time are not plausible, by letters and syllables, whatever their bytes."""
    assert not is_plausible(text, seconds)


@pytest.mark.parametrize(
    ("text", "reference", "low", "high"),
    [(RUSSIAN, SPOKEN, 1.6, 2.2), ("The weather is fine and we go for a walk.", RUSSIAN, 0.4, 0.6), ("Call 5551234567 now.", SPOKEN, 0.3, 0.6)],
)  # fmt: skip
def test_a_text_of_another_script_than_the_voices_is_noticed(
    text: str, reference: str, low: float, high: float
) -> None:
    """A text of another script than the voice's is noticed: two bytes a letter against one, and digits that are words."""
    ratio = slowness(text, reference)

    assert ratio is not None
    assert low < ratio < high


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("A quite ordinary sentence, of which there are many.", SPOKEN),
        ("It happened in 2024.", SPOKEN),
        ("As nações unidas são públicas, às dez horas.", SPOKEN),
        (RUSSIAN, "Привет, как у тебя дела?"),
        ("你好世界，今天天气不错。", SPOKEN),
        ("The weather is fine today.", ZH),
        ("...", SPOKEN),
        ("Hello.", ""),
    ],
)
def test_ordinary_pairs_are_not(text: str, reference: str) -> None:
    """There is no warning if the pace is right or unknown."""
    assert slowness(text, reference) is None
