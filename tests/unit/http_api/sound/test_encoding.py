"""One encoder for all parts of a speech."""

import io
import wave
from collections.abc import Iterable
from itertools import pairwise

import av
import numpy as np
import pytest
import soundfile

from http_api.sound.encoding import MEDIA, RATE, Format, Samples, encoder, samples_of
from tests.http_worker import encoded, spoken

LOSSY: tuple[Format, ...] = ("mp3", "opus", "aac")
EXACT: tuple[Format, ...] = ("flac", "wav", "pcm")
WHOLE = np.concatenate(spoken("What is encoded.", parts=5, seconds=0.7))


def stream(format_: Format, pieces: Iterable[Samples]) -> list[bytes]:
    made = encoder(format_)
    return [*map(made.encode, pieces), made.finish()]


def cut(*at: int) -> list[Samples]:
    return [WHOLE[start:stop] for start, stop in pairwise((0, *at, len(WHOLE)))]


def decoded(format_: Format, data: bytes) -> Samples:
    if format_ == "pcm":
        return np.frombuffer(data, "<i2")
    return np.concatenate(list(samples_of(data)))


@pytest.mark.parametrize("format_", MEDIA)
def test_where_parts_meet_nothing_can_be_heard(format_: Format) -> None:
    """The bytes are the same wherever the speech was split, so nothing can be heard where parts meet."""
    in_one = b"".join(stream(format_, [WHOLE]))
    in_many = b"".join(stream(format_, cut(1, 777, 24_000, 24_001, 60_000)))

    assert in_many == in_one


@pytest.mark.parametrize("format_", EXACT)
def test_exact_formats_keep_every_sample(format_: Format) -> None:
    """FLAC, WAV and PCM keep every sample."""
    data = b"".join(stream(format_, cut(5000)))

    assert np.array_equal(decoded(format_, data), WHOLE)


@pytest.mark.parametrize("format_", LOSSY)
def test_lossy_formats_keep_the_sound(format_: Format) -> None:
    """MP3, Opus and AAC have the same length, but for what their encoders add, and match the samples when aligned with them."""
    heard = decoded(format_, b"".join(stream(format_, cut(5000)))).astype(float)

    delays = range(0, 3000, 1)
    window = WHOLE[12_000:14_000].astype(float)
    likeness = max(float(np.dot(window, heard[12_000 + d : 14_000 + d])) for d in delays) / float(
        np.dot(window, window)
    )
    assert 0 <= len(heard) - len(WHOLE) < 4000
    assert likeness > 0.9


@pytest.mark.parametrize("format_", LOSSY)
def test_most_of_a_part_goes_out_before_the_next_comes(format_: Format) -> None:
    """Most of a part is sent before the next arrives: an encoder holds back a few frames at most."""
    first, *_ = stream(format_, cut(24_000, 48_000))

    assert len(decoded(format_, first)) > 24_000 * 0.75


def test_the_sink_is_never_asked_to_go_back() -> None:
    """No encoder seeks in its output, since sent bytes can't be changed: an MP3 begins with a frame, a FLAC with no length."""
    mp3, flac = b"".join(stream("mp3", [WHOLE])), b"".join(stream("flac", [WHOLE]))

    assert (mp3[0], mp3[1] & 0xE0) == (0xFF, 0xE0)
    assert b"Xing" not in mp3
    assert b"Info" not in mp3
    assert int.from_bytes(flac[21:26], "big") & 0xF_FFFF_FFFF == 0


def test_bodies_of_two_requests_may_be_joined() -> None:
    """MP3s of several requests may be concatenated, as LibreChat does."""
    one, two = (b"".join(stream("mp3", [wave_])) for wave_ in spoken("Twice.", 2))

    assert len(decoded("mp3", one + two)) == len(decoded("mp3", one)) + len(decoded("mp3", two))


def test_the_wav_header_is_one_that_pythons_wave_reads() -> None:
    """Python's `wave` reads the WAV header, as wyoming_openai does from the first 2,048 bytes; a length of 0 would be refused."""
    data = b"".join(stream("wav", [WHOLE]))

    with wave.open(io.BytesIO(data[:2048])) as header:
        assert (header.getnchannels(), header.getsampwidth(), header.getframerate()) == (1, 2, RATE)


def test_opus_is_in_ogg_and_aac_in_adts() -> None:
    """Opus comes in Ogg and AAC in ADTS, which can be played from the middle of a stream."""
    opus, aac = (av.open(io.BytesIO(b"".join(stream(format_, [WHOLE])))) for format_ in LOSSY[1:])

    assert (opus.format.name, opus.streams.audio[0].codec_context.name) == ("ogg", "opus")
    assert aac.format.name == "aac"


@pytest.mark.parametrize("format_", MEDIA)
def test_no_samples_make_a_file_too(format_: Format) -> None:
    """Without any samples the file is valid too."""
    made = encoder(format_)

    data = made.encode(WHOLE[:0]) + made.finish()

    assert format_ == "pcm" or format_ in LOSSY or data


@pytest.mark.parametrize("kind", ["flac", "wav", "ogg"])
def test_the_samples_of_each_kind_of_part_are_read(kind: str) -> None:
    """The samples of each kind of part are read at 24 kHz, about a second at a time, in order."""
    pieces = list(samples_of(encoded(WHOLE, kind)))

    assert max(map(len, pieces)) <= RATE
    assert abs(len(np.concatenate(pieces)) - len(WHOLE)) <= (0 if kind != "ogg" else RATE // 50)
    assert kind == "ogg" or np.array_equal(np.concatenate(pieces), WHOLE)


def test_another_rate_is_resampled() -> None:
    """Another rate is resampled: Opus is decoded at 48 kHz, and a deployment may store another rate."""
    file = io.BytesIO()
    soundfile.write(file, WHOLE, 48_000, format="WAV")

    samples = np.concatenate(list(samples_of(file.getvalue())))

    assert abs(len(samples) - len(WHOLE) / 2) < 50


def test_what_is_no_sound_is_refused() -> None:
    """Bytes that are no sound are refused with the library's own error."""
    with pytest.raises(av.FFmpegError):
        list(samples_of(b"no sound at all"))
