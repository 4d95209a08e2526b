"""The words stay the same whatever pace, steps, precision and finish a request asks for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cloning.audio.canonical import check_and_make_canonical
from cloning.ports import F5Parameters, Reference, Samples
from local.talker import CFG_STRENGTH, Talker
from tests.ears.conftest import Studio
from tests.ears.judges import MOST_OF_ONE, agreement, expect_nothing_of, expect_own, expect_words, misheard
from tests.ears.texts import SENTENCES, SHORT, STEPS, VARIED
from tests.real import load_tiny_engine

ALIKE = 0.8  # of the letters


@pytest.mark.parametrize("name", ["without silence", *(f"{steps} steps" for steps in STEPS)])
def test_the_words_are_kept(name: str, studio: Studio) -> None:
    """With few steps or many, without silences."""
    line, heard = VARIED[name], studio.heard(name)

    expect_words([(line.text, heard)], MOST_OF_ONE)
    expect_nothing_of(studio.talker.prompts[line.voice].words, line.text, heard)


def test_what_the_number_of_steps_costs_in_words(
    studio: Studio, record_property: Callable[[str, object], None]
) -> None:
    """A table for the reader; more steps than it was measured with make nothing worse by more than a word."""
    line = VARIED["16 steps"]
    rates = {steps: misheard([(line.text, studio.heard(f"{steps} steps"))]) for steps in STEPS}
    record_property("wer by steps", {steps: round(rate, 3) for steps, rate in rates.items()})

    assert rates[32] <= rates[16] + 1 / len(line.text.split())


@pytest.mark.parametrize("name", ["slow", "quick"])
def test_a_pace_changes_the_length_and_leaks_nothing(
    name: str, studio: Studio, record_property: Callable[[str, object], None]
) -> None:
    """Speech at speed 0.7 is so much longer. So small a model slurs at another pace, at 1.4 beyond recognition; nothing leaks."""
    line, heard = VARIED[name], studio.heard(name)
    record_property(f"heard {name}", heard)
    faster = len(studio.wave("16 steps")) / len(studio.wave(name))

    assert faster == pytest.approx(line.values["speed"], rel=0.02)
    if name == "slow":
        expect_own(heard, line.text, (other.text for other in SENTENCES.values()))
    expect_nothing_of(studio.talker.prompts[line.voice].words, line.text, heard)


@pytest.mark.parametrize("name", SHORT)
def test_a_short_text_says_nothing_of_its_reference(
    name: str, studio: Studio, record_property: Callable[[str, object], None]
) -> None:
    """F5-TTS gives it three times the time, in which it may speak on. Whether the word itself is heard is told, and not judged."""
    line, heard = VARIED[name], studio.heard(name)
    record_property("heard", heard)

    expect_nothing_of(studio.talker.prompts[line.voice].words, line.text, heard)


def test_half_precision_says_what_full_precision_says(talker: Talker, studio: Studio, tmp_path: Path) -> None:
    """The model computing in float16, as on a GPU, and in float32: other rounding, the same words."""
    full, half = (spoken(talker, tmp_path, half=half) for half in (False, True))

    heard = [studio.hear(name, wave) for name, wave in (("full precision", full), ("half precision", half))]

    assert len(full) == len(half)
    assert not np.array_equal(full, half)
    expect_words([(VARIED["7 steps"].text, one) for one in heard], MOST_OF_ONE)
    assert agreement(*heard) >= ALIKE, heard


def spoken(talker: Talker, folder: Path, *, half: bool) -> Samples:
    """A sentence by the checkpoint, computed in float16 or in float32."""
    prompt = talker.prompts["rms"]
    canonical, _ = check_and_make_canonical(prompt.recording.read_bytes())
    path = folder / "prompt.wav"
    path.write_bytes(canonical.wav)
    reference = Reference(path, prompt.words, "0" * 64, canonical.duration, "en")
    engine = load_tiny_engine(talker.folder, folder)
    if half:
        engine._model.half()
    parameters = F5Parameters(nfe_step=7, cfg_strength=CFG_STRENGTH)
    return np.asarray(engine.speak(reference, VARIED["7 steps"].text, seed=7, parameters=parameters))
