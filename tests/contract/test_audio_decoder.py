"""The contract of `AudioDecoder`, kept by the process that decodes uploads and by its stand-in of the tests."""

import io
import threading

import numpy as np
import pytest
import soundfile

from cloning.audio.canonical import check_and_make_canonical
from cloning.audio.decoder import AudioDecoder
from cloning.audio.decoding import decode
from cloning.clock import SystemClock
from cloning.errors import Interrupted, InvalidAudio
from tests.standins.fakes import InlineDecoder
from tests.unit.cloning.audio.test_canonical import tone, wav, with_av
from worker.audio_decoder import ChildDecoder

FILES = {
    "wav": wav(tone(2.0)),
    "wav, 44.1 kHz": wav(tone(2.0, rate=44_100), 44_100),
    "wav, float": wav(tone(2.0), subtype="FLOAT"),
    "m4a": with_av(tone(2.0, rate=48_000), "mp4", "aac"),
    "webm": with_av(tone(2.0, rate=48_000), "webm", "libopus"),
}
UNUSABLE = {
    "nothing": b"",
    "no audio": b"not a sound",
    "too short": wav(tone(0.5)),
    "silent": wav(tone(2.0, level=0.0)),
    "clipped": wav(np.sign(tone(2.0))),
}


@pytest.fixture(scope="module")
def child() -> ChildDecoder:
    return ChildDecoder(SystemClock())


@pytest.fixture(params=["child", "inline"])
def decoder(request: pytest.FixtureRequest, child: ChildDecoder) -> AudioDecoder:
    return child if request.param == "child" else InlineDecoder()


@pytest.mark.parametrize("name", FILES)
def test_a_recording_becomes_what_the_functions_make_of_it(decoder: AudioDecoder, name: str) -> None:
    """The decoder returns the same bytes and measures as the functions it wraps."""
    assert decoder.canonical(FILES[name]) == check_and_make_canonical(FILES[name])


def test_a_human_voice_keeps_its_digest(decoder: AudioDecoder, human_wav: bytes) -> None:
    """A voice's name in the bucket is the digest of its bytes, so the same recording must keep it."""
    assert decoder.canonical(human_wav) == check_and_make_canonical(human_wav)


@pytest.mark.parametrize("name", FILES)
def test_samples_are_those_of_the_function(decoder: AudioDecoder, name: str) -> None:
    """Samples are float32, equal to the function's, and the caller may change them."""
    expected = decode(FILES[name])

    recording = decoder.recording(FILES[name])

    assert np.array_equal(recording.samples, expected.samples)
    assert recording.samples.dtype == np.float32
    assert recording.samples.flags.writeable
    assert recording.sample_rate == expected.sample_rate


@pytest.mark.parametrize("channels", [1, 2])
def test_minutes_of_speech_are_decoded_for_a_recogniser(decoder: AudioDecoder, channels: int) -> None:
    """Five minutes of stereo at 96 kHz, as FLAC: within the decoder's memory and time, at 48 kHz."""
    second = np.sin(np.arange(96_000) * 0.02).astype(np.float32) * 0.3
    frames = np.tile(second[:, np.newaxis], (300, channels))
    file = io.BytesIO()
    soundfile.write(file, frames, 96_000, format="FLAC")

    recording = decoder.recording(file.getvalue())

    assert recording.sample_rate == 48_000
    assert recording.duration == pytest.approx(300.0, abs=0.01)


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_refused_is_refused_in_the_same_words(decoder: AudioDecoder, name: str) -> None:
    """A refusal has the same message and details as the function's, numbers included."""
    with pytest.raises(InvalidAudio) as expected:
        check_and_make_canonical(UNUSABLE[name])

    with pytest.raises(InvalidAudio) as refused:
        decoder.canonical(UNUSABLE[name])

    assert refused.value.to_record() == expected.value.to_record()


def test_nothing_is_begun_for_a_call_that_was_stopped(decoder: AudioDecoder) -> None:
    """A stopped call raises Interrupted before anything is decoded, so that the job is delivered again."""
    stopped = threading.Event()
    stopped.set()

    for ask in (decoder.canonical, decoder.recording):
        with pytest.raises(Interrupted):
            ask(FILES["wav"], stopped=stopped)
