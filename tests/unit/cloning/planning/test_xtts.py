"""The chunks of a text for XTTS, and its languages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.errors import InvalidRequest, InvalidText
from cloning.planning.f5 import Plan, chunk_seed
from cloning.planning.xtts import CHARACTERS, LANGUAGES, plan_xtts, spoken_length, xtts_language
from cloning.ports import XttsParameters

WORDS = "The quick brown fox jumps over the lazy dog, and then it sleeps until the evening comes. " * 9


def plan(text: str, language: str = "en", **values: float) -> Plan:
    return plan_xtts(text, language=language, seed=7, parameters=XttsParameters(**values))  # type: ignore[arg-type]  # real fields


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_chunk_is_longer_than_its_language_bears(language: str) -> None:
    """No chunk is longer than XTTS takes in its language; coqui-tts would warn, and lose the end."""
    text = {"zh": "今天天气很好，我们去公园散步吧。", "ja": "今日はいい天気ですね。"}.get(language, WORDS) * 9

    chunks = plan(text, language).chunks

    assert len(chunks) > 1
    assert max(len(chunk.text) for chunk in chunks) <= CHARACTERS[language]
    assert "".join(chunk.text for chunk in chunks).replace(" ", "") == text.replace(" ", "")


def test_each_chunk_has_its_own_seed() -> None:
    """Each chunk has its own seed, a function of the job's seed and the chunk's place, as with F5-TTS."""
    assert [chunk.seed for chunk in plan(WORDS).chunks] == [
        chunk_seed(7, index) for index in range(len(plan(WORDS).chunks))
    ]


def test_a_digit_takes_the_room_of_its_word() -> None:
    """A digit counts as long as its word, because it is written out before it is spoken."""
    assert spoken_length("a 12", language="en") == 18
    assert len(plan("1234567890, " * 12).chunks) > len(plan("abcdefghij, " * 12).chunks)


def test_a_piece_that_can_not_be_split_is_refused() -> None:
    """A piece that can't be split is refused before a record is made."""
    with pytest.raises(InvalidText, match="no place to split"):
        plan("a" * 251)


def test_a_number_in_a_language_without_number_words_is_refused() -> None:
    """A number in a language without number words is refused before a record is made; the language's own digits count as letters."""
    with pytest.raises(InvalidText, match="as words"):
        plan("नमस्ते 12", "hi")

    assert plan("नमस्ते १२", "hi").chunks


def test_the_planned_length_is_the_least() -> None:
    """The planned length is a lower bound (half of it at twice the speed), so nothing is refused that might fit."""
    assert plan(WORDS, speed=2.0).seconds == pytest.approx(plan(WORDS).seconds / 2)
    assert plan("a" * 250).seconds == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("asked", "of_voice", "spoken"),
    [("pt-BR", "en", "pt"), (None, "zh-CN", "zh"), ("zh", None, "zh"), ("en", "yo", "en")],
)
def test_the_requests_language_goes_before_the_voices(asked: str | None, of_voice: str | None, spoken: str) -> None:
    """The request's language is used before the voice's, both without the country."""
    assert xtts_language(asked, of_voice) == spoken


@pytest.mark.parametrize(("asked", "of_voice"), [(None, None), ("fi", "en"), (None, "fi")])
def test_a_language_that_xtts_does_not_speak_is_refused_with_the_list(asked: str | None, of_voice: str | None) -> None:
    """A language that XTTS doesn't speak, or none at all, is refused with the list: nothing is guessed."""
    with pytest.raises(InvalidRequest) as caught:
        xtts_language(asked, of_voice)

    assert caught.value.details["choices"] == list(LANGUAGES)
    assert len(LANGUAGES) == 17


@settings(deadline=None)  # a loaded machine is no failure
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=2000))
def test_any_text_is_planned_or_refused(text: str) -> None:
    """Any text is planned within the limits, or refused as InvalidText."""
    try:
        chunks = plan(text).chunks
    except InvalidText:
        return
    assert all(spoken_length(chunk.text, language="en") <= CHARACTERS["en"] for chunk in chunks)
