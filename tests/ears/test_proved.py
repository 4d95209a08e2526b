"""Several voices in one text, its words with their times, and a check by the worker's own recogniser: all of it heard."""

from itertools import pairwise
from typing import Any

import pytest

from tests.ears.conftest import Studio
from tests.ears.judges import RATE, expect_voice, expect_words
from tests.ears.texts import BY_VOICE

PAUSE_S = 0.6
TURNS = [("slt", BY_VOICE["slt"][0]), ("rms", BY_VOICE["rms"][4]), ("slt", BY_VOICE["slt"][6])]
MOST_MISHEARD = 0.4


@pytest.fixture(scope="module")
def reply(studio: Studio) -> dict[str, Any]:
    """A dialogue, checked and timed."""
    turns = [{"voice": voice, "text": text, "pause_ms": int(PAUSE_S * 1000)} for voice, text in TURNS]
    values = {"nfe_step": 16, "cfg_strength": 1.0, "seed": 7, "cross_fade_duration": 0}
    job = studio.cloud.send(
        action="generate",
        turns=turns,
        check="full",
        draws=2,
        words=True,
        subtitles=["srt"],
        job_id="dialogue",
        **values,
    )
    studio.jobs["dialogue"] = job
    return studio.reply("dialogue")


def spans(reply: dict[str, Any]) -> list[tuple[float, float]]:
    """From the first word to the last of each turn, in seconds."""
    timed = [
        [word for word in reply["words"] if word["turn"] == turn and word["start"] is not None] for turn in range(3)
    ]
    return [(words[0]["start"], words[-1]["end"]) for words in timed]


def test_every_word_of_every_turn_is_listed_with_its_place(reply: dict[str, Any]) -> None:
    """As the caller wrote it."""
    for turn, (_, text) in enumerate(TURNS):
        words = [word for word in reply["words"] if word["turn"] == turn]
        assert [text[word["text_start"] : word["text_end"]] for word in words] == text.rstrip(".").split()


def test_turns_are_heard_between_their_words_times(studio: Studio, reply: dict[str, Any]) -> None:
    """Cut by these times each turn says its own text, in its own voice."""
    wave = studio.wave("dialogue")
    pieces = [wave[max(0, int((start - 0.2) * RATE)) : int((end + 0.2) * RATE)] for start, end in spans(reply)]

    heard = [studio.hear(f"turn {turn}", piece) for turn, piece in enumerate(pieces)]

    expect_words([(text, said) for (_, text), said in zip(TURNS, heard, strict=True)], MOST_MISHEARD)
    for (voice, _), piece in zip(TURNS, pieces, strict=True):
        (other,) = BY_VOICE.keys() - {voice}
        expect_voice(piece, studio.prompt(voice), studio.prompt(other), studio.likeness)


def test_the_pauses_between_turns_have_no_words(reply: dict[str, Any]) -> None:
    """Silence parts one turn's last word from the next one's first."""
    found = spans(reply)

    assert all(begin - end >= PAUSE_S - 0.05 for (_, end), (begin, _) in pairwise(found))


def test_the_check_says_what_it_heard_with_whom(studio: Studio, reply: dict[str, Any]) -> None:
    """A verdict for each chunk, the recogniser and the phone model of a worker as it comes, and what both voices' own recordings get."""
    check = reply["check"]

    assert (check["state"] in ("passed", "failed"), len(check["chunks"]), len(check["control"])) == (True, 3, 2)
    assert check["phones"] == "pocketsphinx"
    assert all(0.5 < one <= 1 for one in check["similarity"])
    assert all(one["wer"] is not None and one["wer"] <= 0.5 for one in check["control"])
    assert ("CHECK" in [one["code"] for one in reply["warnings"]]) == (check["state"] == "failed")
