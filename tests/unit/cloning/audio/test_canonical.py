"""Reference audio: what is accepted, what is refused and why, and how speech is encoded."""

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.audio.canonical import (
    SAMPLE_RATE,
    check_and_make_canonical,
    encode_pcm16,
    make_canonical,
    measure,
    to_pcm16,
)
from cloning.audio.decoding import decode
from cloning.errors import InvalidAudio
from cloning.generate.synthesis import checked
from cloning.planning.f5 import Chunk
from cloning.ports import Samples

CHUNK = Chunk(index=3, text="words", seed=0, speed=1.0, fix_duration=None, seconds=1.0)


def tone(seconds: float, *, level: float = 0.2, rate: int = SAMPLE_RATE) -> Samples:
    """A tone whose loudness varies a little, like speech without pauses."""
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * time) * (0.8 + 0.2 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def wav(samples: Samples, rate: int = SAMPLE_RATE, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


def with_av(samples: Samples, container: str, codec: str, rate: int = 48_000) -> bytes:
    """Encode as phones and browsers do."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or 960)
        for block in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def reason(data: bytes) -> str:
    with pytest.raises(InvalidAudio) as caught:
        check_and_make_canonical(data)
    return caught.value.message


@pytest.mark.parametrize("audio_format", ["wav", "flac", "mp3", "ogg"])
@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_every_format_that_goes_out_comes_in(audio_format: str, rate: int) -> None:
    """WAV, FLAC, MP3 and Opus keep length and loudness on the way out and in, with no ffmpeg program."""
    recording = decode(encode_pcm16(to_pcm16(tone(2.0, rate=rate)), rate, audio_format))

    assert recording.duration == pytest.approx(2.0, abs=0.06)
    assert measure(recording).rms_dbfs == pytest.approx(-18.5, abs=1.5)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("webm", "libopus"), ("matroska", "aac")])
def test_what_phones_and_browsers_record_comes_in(container: str, codec: str) -> None:
    """M4A and WebM are decoded by PyAV."""
    recording = decode(with_av(tone(2.0, rate=48_000), container, codec))

    assert recording.duration == pytest.approx(2.0, abs=0.1)


def test_a_codec_that_nobody_knows_is_refused() -> None:
    """A codec that nobody knows makes the recording unusable, which is no bug: a container may name any."""
    known = with_av(tone(2.0, rate=48_000), "webm", "libopus")
    assert known.count(b"A_OPUS") == 1

    assert "can't be decoded" in reason(known.replace(b"A_OPUS", b"A_XYZZ"))


def test_stereo_is_mixed_and_any_rate_is_brought_to_24_khz() -> None:
    """Any upload becomes a canonical file of 24 kHz mono PCM16."""
    both = np.stack([tone(2.0, rate=44_100), np.zeros(88_200, np.float32)], axis=1)

    canonical, measures = check_and_make_canonical(wav(both, 44_100))

    with soundfile.SoundFile(io.BytesIO(canonical.wav)) as file:
        assert (file.samplerate, file.channels, file.subtype) == (24_000, 1, "PCM_16")
    assert (measures.sample_rate, measures.duration) == (44_100, 2.0)
    assert canonical.duration == pytest.approx(2.05, abs=0.03)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"this is a text, not a sound" * 20, "can't be decoded"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "can't be decoded"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "can't be decoded"),
        (wav(tone(2.0))[:40], "can't be decoded"),
        (wav(tone(0.2)), "lasts 0.20 s"),
        (wav(np.zeros(48_000, np.float32)), "silent"),
        (wav(tone(3.0, level=0.004)), "too quiet"),
        (wav(np.clip(tone(3.0) * 50, -1, 1)), "clipped at full scale"),
        (wav(tone(61.0, rate=8_000), 8_000), "lasts 61"),
        (wav(tone(600.0, rate=8_000), 8_000), "lasts 600.0 s; send 1 to 60 s"),
        (wav(tone(1.5, rate=4_000), 4_000), "sample rate of 4000 Hz"),
        (wav(np.full(48_000, np.nan, np.float32), subtype="FLOAT"), "NaN"),
        (wav(np.concatenate([np.zeros(48_000, np.float32), tone(0.5), np.zeros(48_000, np.float32)])), "of speech remain"),
        (wav(np.concatenate([tone(0.4), np.zeros(48_000, np.float32)])), "no half second of it is louder"),
    ],
)  # fmt: skip
def test_unusable_audio_is_refused_with_what_was_measured(data: bytes, said: str) -> None:
    """Unusable audio is refused before anything is stored, with the measured value and what to send."""
    assert said in reason(data)


def test_a_long_mp3_is_refused_though_it_is_small() -> None:
    """Ten minutes of silence make a small MP3, which is refused without being unpacked whole."""
    assert "lasts 600" in reason(encode_pcm16(np.zeros(600 * 24_000, np.int16), 24_000, "mp3"))


def test_a_long_m4a_is_refused_while_it_is_decoded() -> None:
    """The decoder stops at 60 s, whatever the header says."""
    assert "s; send 1 to 60 s" in reason(with_av(np.zeros(90 * 48_000, np.float32), "mp4", "aac"))


def test_audio_over_12_s_is_clipped_and_says_so() -> None:
    """Audio of more than 12 s is clipped and reported as clipped, because a transcript must not keep words that are no longer heard."""
    canonical, _ = check_and_make_canonical(wav(tone(20.0)))

    assert (canonical.clipped, canonical.duration <= 12.05) == (True, True)


def test_a_human_voice_is_kept_whole(human_wav: bytes) -> None:
    """Of a human voice of 5.3 s only the silence around it is removed."""
    canonical, measures = check_and_make_canonical(human_wav)

    assert (canonical.clipped, 4.5 < canonical.duration < 5.4) == (False, True)
    assert measures.snr_db > 20


@given(gaps=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=5), seed=st.integers(0, 1000))
@settings(deadline=None)  # seconds of audio take what they take
def test_canonical_audio_is_its_own_canonical_form(gaps: list[float], seed: int) -> None:
    """Canonical audio stays the same when it is made canonical again, so a voice from the bucket is not clipped twice."""
    noise = np.random.default_rng(seed)
    pieces = [
        part for gap in gaps for part in (tone(noise.uniform(1.2, 3.0)), np.zeros(int(gap * SAMPLE_RATE), np.float32))
    ]
    canonical = make_canonical(decode(wav(np.concatenate(pieces))))

    assert make_canonical(decode(canonical.wav)).wav == canonical.wav


@pytest.mark.parametrize("wave", [[0.5, np.nan], [0.5, np.inf], [0.0, 0.0]])
def test_a_wave_that_is_not_finite_or_silent_never_becomes_a_chunk(wave: list[float]) -> None:
    """A wave that is silent or not finite is refused; NaN would be encoded as silence or noise."""
    with pytest.raises(ArithmeticError, match="chunk 3"):
        checked(CHUNK, np.array(wave, np.float32))


def test_loud_samples_are_limited_not_wrapped() -> None:
    """Samples beyond full scale are limited to it, because wrapped ones would click."""
    square = np.tile(np.repeat(np.array([1.5, -1.5], np.float32), 50), 240)

    recording = decode(encode_pcm16(to_pcm16(square), SAMPLE_RATE, "wav"))

    assert np.abs(recording.samples).min() > 0.99
