"""WeSpeaker's model: its features, and how alike two recordings are. The nets are small, with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloning.ports import Samples
from engines.speakers.resemblyzer import Resemblyzer
from engines.speakers.wespeaker import Wespeaker, excerpt, features
from tests.standins.fakes import ManualClock
from tests.unit.engines.speakers.wespeaker_net import RATE, wespeaker


def mel(hertz: Any) -> Any:
    return 1127 * np.log(1 + hertz / 700)


def one_frame(samples: Samples) -> Samples:
    """The 80 logarithms of one frame's filter banks, computed from Kaldi's definition in double precision."""
    frame = samples[:400].astype(np.float64) * 32768
    frame -= frame.mean()
    frame -= 0.97 * np.concatenate([frame[:1], frame[:-1]])
    power = np.abs(np.fft.rfft(frame * np.hamming(400), 512)) ** 2
    edges = np.linspace(mel(20.0), mel(8000.0), 82)
    bins = mel(np.arange(256) * 16_000 / 512)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    banks = np.maximum(0, np.minimum(rising, falling)) @ power[:256]
    return np.log(np.maximum(banks, np.finfo(np.float32).eps))  # type: ignore[no-any-return]


def test_the_features_are_kaldis(voices: tuple[Samples, Samples]) -> None:
    """Each frame of 25 ms has the logarithms of Kaldi's 80 mel banks, less their mean over the recording."""
    import soxr

    sound = soxr.resample(voices[0], RATE, 16_000)

    found = features(sound)

    frames = [one_frame(sound[start : start + 400]) for start in range(0, len(sound) - 399, 160)]
    wanted = np.array(frames) - np.mean(frames, axis=0)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found[100], wanted[100], atol=1e-3)
    np.testing.assert_allclose(found, wanted, atol=2e-2)


def test_a_recording_is_as_alike_to_itself_as_can_be(model: Path, voices: tuple[Samples, Samples]) -> None:
    """The same recording has the figure 1, at any level; two voices have the same lower one in either order."""
    one, other = voices
    speaker = wespeaker(model)

    assert speaker.similarity(one, one, RATE) == pytest.approx(1)
    assert speaker.similarity(one, one * 0.5, RATE) == pytest.approx(1, abs=1e-3)
    assert speaker.similarity(one, other, RATE) == pytest.approx(speaker.similarity(other, one, RATE))
    assert abs(speaker.similarity(one, other, RATE) or 1) < 0.999


def test_the_rate_of_a_recording_does_not_matter(model: Path, voices: tuple[Samples, Samples]) -> None:
    """Recordings are resampled to 16 kHz: one at 48 kHz has the figures of that at 24 kHz."""
    import soxr

    one, other = (soxr.resample(voice, RATE, 48_000) for voice in voices)
    speaker = wespeaker(model)

    assert speaker.similarity(one, other, 48_000) == pytest.approx(speaker.similarity(*voices, RATE), abs=1e-2)


@pytest.mark.parametrize(
    "speaker", [Wespeaker("there/is-none", ManualClock()), Resemblyzer()], ids=lambda one: one.name
)
@pytest.mark.parametrize(
    "nothing",
    [np.zeros(RATE), np.full(RATE, 1e-4), np.full(599, 0.5), np.zeros(0)],
    ids=["zeros", "hush", "short", "empty"],
)
def test_silence_and_less_than_a_frame_have_no_figure(
    speaker: Wespeaker | Resemblyzer, nothing: Samples, voices: tuple[Samples, Samples]
) -> None:
    """Nothing is said of silence and of less than 25 ms, on either side; the model isn't even loaded."""
    sound = nothing.astype(np.float32)

    figures = [speaker.similarity(sound, voices[0], RATE), speaker.similarity(voices[0], sound, RATE)]

    assert figures == [None, None]
    assert "_loaded" not in vars(speaker)


def test_25_ms_are_enough(model: Path) -> None:
    """One frame is enough, if the net takes it."""
    sound = np.random.default_rng(1).normal(0, 0.1, RATE // 10).astype(np.float32)

    assert features(np.zeros(400, np.float32)).shape == (1, 80)
    assert wespeaker(model).similarity(sound, sound, RATE) == pytest.approx(1)


def test_of_a_long_recording_a_minute_is_compared() -> None:
    """Of a long recording ten seconds of each sixth are compared, so that an hour costs no more than a minute; a minute is whole."""
    hour, minute = np.arange(3600 * 10, dtype=np.float32), np.zeros(60 * 10, np.float32)

    parts = excerpt(hour, 10).reshape(6, 100)

    assert [(part[0], part[-1]) for part in parts] == [(start, start + 99) for start in range(0, 36_000, 6000)]
    assert excerpt(minute, 10) is minute


def test_the_net_runs_in_one_thread_on_the_cpu(model: Path, voices: tuple[Samples, Samples]) -> None:
    """The session is made at the first use, once, for one thread of the CPU."""
    speaker = wespeaker(model)
    speaker.similarity(*voices, RATE)
    session, *names = speaker._loaded
    options = session.get_session_options()

    speaker.similarity(*voices, RATE)

    assert speaker._loaded[0] is session
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert (session.get_providers(), names) == (["CPUExecutionProvider"], ["sound", "voice0"])
