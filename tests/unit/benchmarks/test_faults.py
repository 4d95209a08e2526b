"""Faults are cut where words meet, and are the same with the same seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import spoken
from benchmarks.faults import LATER_KINDS, RATE, Clip, another_take, cases_of, inserted, joined, removed
from tests.standins.fakes import hummed


def clip(name: str, text: str, pitch: float) -> Clip:
    """Words of half a second, one after the other, with 0.2 s of silence around them."""
    count = len(text.split())
    spans = tuple((int((0.2 + 0.5 * at) * RATE), int((0.7 + 0.5 * at) * RATE)) for at in range(count))
    return Clip(name, "somebody", hummed(0.4 + 0.5 * count, RATE, pitch), text, spans)


CLIPS = (clip("first", "One two three four.", 120), clip("second", "Five six seven.", 150))


def test_a_removed_word_takes_its_time_with_it() -> None:
    """A removed word shortens the recording by half a second, but for the search for a quiet place and the fade."""
    assert len(CLIPS[0].samples) - len(removed(CLIPS[0], 1)) == pytest.approx(RATE / 2, abs=RATE * 0.1)


def test_an_inserted_sound_adds_its_own() -> None:
    """An inserted sound lengthens the recording by its own length less a fade at each side."""
    sound = np.full(RATE, 0.1, np.float32)

    whole = inserted(CLIPS[0], 1, sound)

    assert len(whole) - len(CLIPS[0].samples) == pytest.approx(RATE, abs=RATE * 0.02)


def test_cuts_do_not_click() -> None:
    """Parts of different levels are joined by a ramp, so that no cut clicks."""
    whole = joined(np.zeros(RATE, np.float32), np.ones(RATE, np.float32))

    assert np.abs(np.diff(whole)).max() < 0.02


def test_another_take_is_no_copy() -> None:
    """Another take differs from the first in speed and in level."""
    sound = hummed(1.0, RATE)

    take = another_take(sound, np.random.default_rng(0))

    assert 0.02 < abs(len(take) / len(sound) - 1) < 0.1


def test_the_same_seed_makes_the_same_cases() -> None:
    """The same seed makes the same cases sample for sample, so that a report can be reproduced."""
    one, other = (list(cases_of(CLIPS[0], CLIPS, 2, np.random.default_rng(3))) for _ in range(2))

    assert {case.kind for case in one} >= {"removed", "doubled", "exchanged", "leaked", "loop", "half", "noise"}
    assert all(np.array_equal(a.samples, b.samples) and a.text == b.text for a, b in zip(one, other, strict=True))


def test_an_added_word_of_the_own_voice_comes_from_the_same_speaker() -> None:
    """Nothing of another speaker's recording is in it, which here is a level that no voice has."""
    stranger = replace(CLIPS[1], name="third", speaker="somebody else", samples=np.full_like(CLIPS[1].samples, 0.5))

    cases = list(cases_of(CLIPS[0], [*CLIPS, stranger], 6, np.random.default_rng(3), LATER_KINDS))

    assert [case.kind for case in cases] == ["own"] * 6
    assert all(len(case.samples) > len(CLIPS[0].samples) for case in cases)
    assert all(abs(case.samples.mean()) < 0.005 for case in cases)


def test_spaced_words_tell_where_they_are() -> None:
    """Each group of words has its outer edges, in order and within the sound."""
    sound, edges = spoken.spaced(CLIPS[0], np.random.default_rng(0))

    times = [seconds for _, seconds, _ in edges]
    assert times == sorted(times)
    assert times[-1] < len(sound) / RATE
    assert {place for place, _, _ in edges} >= {0, 3}


def test_a_missing_recording_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    """Figures of some of the clips can't be compared with the committed ones, so the packages to fetch are named."""
    with pytest.raises(ValueError, match=r"moonshine-voice 0\.1\.5.*fetch them"):
        spoken.clips_in([tmp_path])


def test_another_file_than_the_tables_is_refused(tmp_path: Path) -> None:
    """The times of the words hold for one recording, so another file is refused."""
    path = tmp_path / "moonshine_voice" / "assets" / "beckett.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")

    with pytest.raises(ValueError, match="fetch that version"):
        spoken.clips_in([tmp_path])
