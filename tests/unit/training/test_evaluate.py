"""The evaluation: which sentences, which voices, and the figures from what was heard."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.corpora import corpus
from training import grammar
from training.evaluate import Examiner, Utterance, likeness_of, prompt_texts, sets_of
from training.judges import Sound
from training.speaking import Prompt

PROMPTS = [Prompt(voice, "A prompt.", Path(f"{voice}.wav")) for voice in ("slt", "rms")]


class Parrot:
    """Says each text as a number of samples, and hears the first word wrong."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, int]] = []

    def __call__(self, prompt: Prompt, text: str, seed: int) -> Sound:
        self.said.append((prompt.voice, text, seed))
        return np.zeros(10, np.float32)

    def hear(self, sound: Sound) -> str:
        assert len(sound) == 10
        return " ".join(["wrong", *self.said[-1][1].split()[1:]])


def test_voices_take_turns_and_every_transcript_is_kept() -> None:
    """Voices take turns, each text has its own seed, every transcript is kept, and the figures come from them."""
    parrot = Parrot()
    examiner = Examiner(parrot, None, PROMPTS, seed=5)

    figures = examiner.examine(parrot, "parrot", "unseen", ["Where is it?", "He has two books.", "Nobody came."])

    assert parrot.said == [("slt", "Where is it?", 5), ("rms", "He has two books.", 6), ("slt", "Nobody came.", 7)]
    assert (figures["wer"]["errors"], figures["wer"]["words"]) == (3, 9)
    assert [one["heard"] for one in figures["utterances"]] == ["wrong is it?", "wrong has two books.", "wrong came."]
    assert figures["likeness"] is None


def test_likeness_counts_how_often_the_right_voice_wins() -> None:
    """Likeness has both means and the share in which the right voice is nearest; what wasn't measured is left out."""
    told = [Utterance("slt", "a", "a", 0, 1, right, wrong) for right, wrong in ((0.9, 0.5), (0.7, 0.5), (0.4, 0.6))]

    figures = likeness_of([*told, Utterance("slt", "a", "a", 0, 1)])

    assert figures == pytest.approx({"right": 2 / 3, "wrong": 1.6 / 3, "right_wins": 2 / 3})


def test_sets_are_what_they_say() -> None:
    """Seen sentences were trained on by the voice whose turn it is, unseen ones were not; a seed always chooses the same."""
    known = corpus()

    sets = sets_of(known, ["slt", "rms"], ["unseen", "seen", "free", "demo"], 40, seed=0)

    assert {name: len(texts) for name, texts in sets.items()} == {"unseen": 40, "seen": 10, "free": 10, "demo": 4}
    said = dict(zip(known.texts, known.voices, strict=True))
    assert [said[text] for text in sets["seen"]] == ["slt", "rms"] * 5
    assert {*sets["seen"]} <= {*known.texts}
    assert not {*sets["unseen"], *sets["free"], *sets["demo"]} & {*known.texts}
    assert sets == sets_of(known, ["slt", "rms"], ["unseen", "seen", "free", "demo"], 40, seed=0)


def test_prompts_are_of_no_set() -> None:
    """What a prompt says was neither trained on nor is it asked for."""
    known = corpus()

    texts = prompt_texts(known)

    assert not {*texts} & {*known.texts, *known.unseen, *grammar.SHORT, *grammar.DEMO, *grammar.FREE}
