"""Sixteen jobs at once, eight in each of two voices: everybody says the own words, in the own voice."""

from collections.abc import Callable

import pytest

from tests.ears.conftest import VOICES, Studio
from tests.ears.judges import allowed, expect_nothing_of, expect_own, expect_voice, expect_words, misheard
from tests.ears.texts import BY_VOICE, SENTENCES


def of(voice: str) -> list[str]:
    """The names of a voice's sentences."""
    return [f"{voice}-{number}" for number in range(len(BY_VOICE[voice]))]


@pytest.mark.parametrize("voice", VOICES)
def test_a_voices_words_are_heard(voice: str, studio: Studio, record_property: Callable[[str, object], None]) -> None:
    """As well as the evaluation heard the same checkpoint, sentence by sentence."""
    pairs = [(SENTENCES[name].text, studio.heard(name)) for name in of(voice)]
    record_property(f"wer {voice}", round(misheard(pairs), 3))

    expect_words(pairs, allowed(studio.talker.error_rates[voice]))


@pytest.mark.parametrize("name", SENTENCES)
def test_each_job_says_its_own_sentence(name: str, studio: Studio) -> None:
    """However many speak: nobody says another one's words, and none of the reference's."""
    line = SENTENCES[name]
    heard = studio.heard(name)

    expect_own(heard, line.text, (other.text for other in SENTENCES.values()))
    expect_nothing_of(studio.talker.prompts[line.voice].words, line.text, heard)


@pytest.mark.parametrize("name", SENTENCES)
def test_each_job_has_its_own_voice(name: str, studio: Studio) -> None:
    """However many speak: to a speaker model the speech is nearer to its own prompt."""
    voice = SENTENCES[name].voice
    (other,) = set(VOICES) - {voice}

    expect_voice(studio.wave(name), studio.prompt(voice), studio.prompt(other), studio.likeness)
