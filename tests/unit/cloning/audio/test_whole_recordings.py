"""What a header claims and what a file holds: all of it is used, or it is refused or reported."""

import struct

import numpy as np
import pytest

from cloning.audio.canonical import check_and_make_canonical
from cloning.audio.containers import no_recording
from cloning.audio.decoding import Recording, decode
from cloning.errors import InvalidAudio
from cloning.ports import Samples
from tests.files import BY_AV, BY_SOUNDFILE, by_av, by_soundfile, recording, speech

EVERY = ("wav", "aiff", "caf", "w64", "flac", "vorbis", "opus", "mp3", "adts", "amr", "m4a", "webm", "matroska")
SECONDS = 4.0
COMPRESSED = {
    "caf-alac": lambda: by_soundfile(speech(SECONDS, 24_000), 24_000, "CAF", "ALAC_16"),
    "aiff-ima4": lambda: by_soundfile(speech(SECONDS, 8_000), 8_000, "AIFF", "IMA_ADPCM"),
    "aiff-gsm": lambda: by_soundfile(speech(SECONDS, 8_000), 8_000, "AIFF", "GSM610"),
    "wav-ima": lambda: by_soundfile(speech(SECONDS, 8_000), 8_000, "WAV", "IMA_ADPCM"),
    "wav-gsm": lambda: by_soundfile(speech(SECONDS, 8_000), 8_000, "WAV", "GSM610"),
    "wav-g721": lambda: by_soundfile(speech(SECONDS, 8_000), 8_000, "WAV", "G721_32"),
}


def with_rate(data: bytes, per_s: int) -> bytes:
    """A WAV with this number of bytes per second in its header."""
    return data[:28] + struct.pack("<I", per_s) + data[32:]


def streamed_flac() -> bytes:
    data = bytearray(recording("flac", SECONDS))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


def codes(found: Recording) -> set[str]:
    return {one["code"] for one in found.warnings}


def heard(data: bytes) -> set[str]:
    """The warnings about a file, or its refusal."""
    try:
        return codes(decode(data))
    except InvalidAudio:
        return {"refused"}


def fragments(data: bytes) -> list[int]:
    return [at - 4 for at in range(len(data)) if data.startswith(b"moof", at)]


@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_sound_of_known_size_is_whole_or_cut(name: str) -> None:
    """A whole file is accepted without a warning and half of one is refused, whether or not its bytes per second are known."""
    data = COMPRESSED[name]()

    whole = decode(data)

    assert whole.duration == pytest.approx(SECONDS, abs=0.15)
    assert not whole.warnings
    with pytest.raises(InvalidAudio, match="cut"):
        decode(data[: len(data) // 2 + 7])


@pytest.mark.parametrize("per_s", [0, 1, 100, 16_000])
@pytest.mark.parametrize("name", ["wav-ima", "wav-gsm", "wav-g721"])
def test_a_wrong_number_of_bytes_per_second_is_not_believed(name: str, per_s: int) -> None:
    """A wrong number of bytes per second neither changes the length nor lets half a file pass for the whole."""
    data = with_rate(COMPRESSED[name](), per_s)

    assert decode(data).duration == pytest.approx(SECONDS, abs=0.15)
    with pytest.raises(InvalidAudio, match="cut"):
        decode(data[: len(data) // 2 + 7])


def test_a_streamed_flac_that_ends_in_a_frame_is_told_or_refused() -> None:
    """A streamed FLAC doesn't say how long it is; cut within a frame it is reported or refused, and whole it has no warning."""
    data = streamed_flac()

    assert not decode(data).warnings
    assert heard(data[: len(data) // 2 + 7]) & {"CUT", "refused"}


def test_frames_that_a_streamed_flac_lacks_are_told() -> None:
    """A streamed FLAC's frames are numbered, so missing ones are reported."""
    data = streamed_flac()
    begin, end = len(data) * 4 // 10, len(data) * 7 // 10

    assert heard(data[:begin] + bytes(end - begin) + data[end:]) & {"DAMAGE", "refused"}


@pytest.mark.parametrize("flags", ["dash+global_sidx", "frag_keyframe+empty_moov", "frag_keyframe", "cmaf"])
def test_fragments_that_are_missing_from_an_mp4_are_told_or_refused(flags: str) -> None:
    """Missing fragments of an MP4 are found by times or places in its middle, and at its end by an index if there is one."""
    data = by_av(speech(SECONDS), "mp4", "aac", {"movflags": flags, "frag_duration": "500000"})
    begins = fragments(data)
    begin, end = begins[len(begins) // 3], begins[2 * len(begins) // 3]

    assert not decode(data).warnings
    assert heard(data[:begin] + data[end:]) & {"GAP", "refused"}
    if "sidx" in flags:
        assert heard(data[:end]) == {"refused"}


@pytest.mark.parametrize("name", ["adts", "amr", "webm-live", "mp2", "mp3-without-index"])
@pytest.mark.parametrize("fill", ["zeros", "noise"])
def test_a_hole_in_the_middle_is_told_or_refused(name: str, fill: str) -> None:
    """A hole of zeros or noise in 30 % of the file is reported or refused."""
    made = {
        "mp2": lambda: by_av(speech(SECONDS), "mp2", "mp2", {}),
        "mp3-without-index": lambda: by_av(speech(SECONDS), "mp3", "libmp3lame", {"write_xing": "0"}),
    }
    data = made[name]() if name in made else recording(name, SECONDS)
    begin, end = len(data) * 4 // 10, len(data) * 7 // 10
    noise = np.random.default_rng(1).integers(0, 256, end - begin, dtype=np.uint8).tobytes()
    holed = data[:begin] + (bytes(end - begin) if fill == "zeros" else noise) + data[end:]

    assert heard(holed) & {"DAMAGE", "GAP", "refused"}


@pytest.mark.parametrize("second", EVERY)
@pytest.mark.parametrize("first", EVERY)
def test_a_recording_behind_another_is_used(first: str, second: str) -> None:
    """A second recording after the first is used too, for any two formats."""
    both = decode(recording(first, 2.0) + recording(second, 2.0))

    assert both.duration == pytest.approx(4.0, abs=0.25)
    assert "PIECES" in codes(both) or {first, second} <= {"adts", "amr"}


BETWEEN = {
    "junk": b"\x13\x37junk" * 20,
    "zeros": bytes(4096),
    "ID3v1": b"TAG" + b" " * 125,
    "ID3v2": b"ID3\4\0\0\0\0\0\x64" + bytes(100),
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("name", EVERY)
def test_what_stands_between_two_recordings_hides_neither(name: str, between: str) -> None:
    """Junk, zeros or a tag between two recordings hides neither."""
    data = recording(name, 2.0)

    assert decode(data + BETWEEN[between] + data).duration == pytest.approx(4.0, abs=0.25)


def sized(data: bytes, name: bytes, size: bytes) -> bytes:
    """The file with another size of this chunk."""
    at = data.index(name) + len(name)
    return data[:at] + size + data[at + len(size) :]


@pytest.mark.parametrize("second", ["wav", "aiff", "flac", "mp3", "adts", "m4a", "webm"])
@pytest.mark.parametrize("first", ["wav", "wav-ulaw", "aiff", "caf"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_recording_that_a_header_counts_as_samples_is_none(first: str, second: str, *, is_known: bool) -> None:
    """If a header counts a second recording as samples, it is not heard as noise but used as a recording."""
    one, two = recording(first, 2.0), recording(second, 2.0)
    chunk, kind = {"wav": (b"data", "<I"), "aiff": (b"SSND", ">I"), "caf": (b"data", ">Q")}[first.partition("-")[0]]
    body = one.index(chunk) + 4 + struct.calcsize(kind)
    size = len(one) - body + len(two) if is_known else -1 % (1 << 8 * struct.calcsize(kind))

    both = decode(sized(one, chunk, struct.pack(kind, size)) + two)

    assert both.duration == pytest.approx(4.0, abs=0.25)
    assert "PIECES" in codes(both)


@pytest.mark.parametrize("name", [*BY_SOUNDFILE, *(name for name in BY_AV if name != "ogg-flac"), "amr"])
def test_a_whole_file_is_taken_without_a_word(name: str) -> None:
    """A whole file of any container and codec is accepted without a warning."""
    found = decode(recording(name, SECONDS))

    assert found.duration == pytest.approx(SECONDS, abs=0.15)
    assert codes(found) <= ({"LEVEL"} if name == "amr" else set())


def wide_wav(shift: int) -> bytes:
    """24 bits in blocks of 4 bytes, the high ones or the low ones."""
    pcm = ((speech(SECONDS, 24_000) * (2**23 - 1)).astype("<i4") << shift).astype("<i4").tobytes()
    fmt = struct.pack("<IHHIIHH", 16, 1, 1, 24_000, 96_000, 4, 24)
    return b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", len(pcm)) + pcm


@pytest.mark.parametrize("shift", [8, 0])
def test_24_bits_in_4_bytes_are_heard_as_they_were(shift: int) -> None:
    """24-bit samples in 4 bytes are read correctly, wherever in the block they are."""
    found = decode(wide_wav(shift))

    assert np.allclose(found.samples, speech(SECONDS, 24_000), atol=1e-5)


def id3(frame: bytes, words: bytes) -> bytes:
    body = frame + struct.pack(">I", len(words)) + b"\0\0" + words
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body


WAV = recording("wav", SECONDS)
WORDS = b"These are the words of the recording, sung and said. " * 40
ODD: dict[str, bytes] = {
    "ID3 longer than the file, MP3": b"ID3\4\0\0\0\x7f\x7f\x7f" + bytes(20) + recording("mp3", SECONDS),
    "ID3 longer than the file, WAV": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(20) + WAV,
    "an odd chunk without its pad": WAV[:36] + b"LIST" + struct.pack("<I", 5) + b"INFOx" + WAV[36:],
    "a chunk longer than the file": WAV[:36] + b"LIST" + struct.pack("<I", 1_000_000) + b"INFO" + WAV[36:],
    "lyrics first": id3(b"USLT", b"\0eng\0" + WORDS) + recording("mp3", SECONDS),
    "XML first": WAV[:12] + b"iXML" + struct.pack("<I", len(WORDS)) + WORDS + WAV[12:],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_chunks_and_tags_hide_no_sound(name: str) -> None:
    """A file with odd chunks or tags is used whole, and isn't taken for text."""
    assert decode(ODD[name]).duration == pytest.approx(SECONDS, abs=0.05)
    assert no_recording(ODD[name]) is None


@pytest.mark.parametrize(("text", "kind"), [(b"<html><body>no</body></html>", "HTML"), (b'{"error": 1}', "JSON"), (b"The free plan ended", "text")])  # fmt: skip
def test_a_text_is_told_as_what_it_is(text: bytes, kind: str) -> None:
    """A text is named as what it is, even if its letters could be an MP4 box's."""
    assert kind in str(no_recording(text))


@pytest.mark.parametrize("name", ["wav", "aiff", "caf", "flac", "vorbis", "m4a", "webm", "adts", "mp3"])
def test_a_file_of_which_only_a_head_came_is_refused(name: str) -> None:
    """A file of which only the beginning arrived is refused, wherever it ends."""
    data = recording(name, SECONDS)

    for size in range(1, 200):
        with pytest.raises(InvalidAudio):
            check_and_make_canonical(data[:size])


def test_a_rate_that_is_nonsense_is_told_as_a_rate() -> None:
    """A nonsensical sample rate is reported as such, and no length is derived from it."""
    data = recording("aiff", SECONDS)
    at = data.index(b"COMM") + 16

    with pytest.raises(InvalidAudio, match="sample rate of"):
        decode(data[:at] + struct.pack(">HQ", 15372, 1) + data[at + 10 :])


def drifting(shape: str) -> Samples:
    count = 144_000
    shapes = {
        "step": np.r_[np.full(count // 2, 0.4), np.full(count // 2, -0.4)],
        "ramp": np.linspace(-0.4, 0.4, count),
        "thump": 0.5 * np.exp(-np.arange(count) / 24_000),
        "slow wave": 0.4 * np.sin(2 * np.pi * 2 * np.arange(count) / 24_000),
    }
    return np.asarray(shapes[shape], dtype=np.float32)


@pytest.mark.parametrize("shape", ["step", "ramp", "thump", "slow wave"])
def test_a_zero_line_that_wanders_is_no_voice(shape: str) -> None:
    """A recording of a wandering zero line has nothing to hear and is refused."""
    noise = 1e-4 * np.random.default_rng(0).standard_normal(144_000)
    data = by_soundfile((drifting(shape) + noise).astype(np.float32), 24_000, "WAV", "PCM_16")

    with pytest.raises(InvalidAudio, match="silent or too quiet"):
        check_and_make_canonical(data)


@pytest.mark.parametrize("peak", [5.0, 20.0, 1e6, 1e12])
def test_single_samples_do_not_take_the_voice_away(peak: float) -> None:
    """Single samples far beyond full scale are limited with a warning, and the voice stays."""
    voice = speech(SECONDS, 24_000)

    found = decode(by_soundfile(np.r_[voice, np.float32(peak)], 24_000, "WAV", "FLOAT"))

    assert np.allclose(found.samples[:-1], voice, atol=1e-6)
    assert codes(found) == {"PEAKS"}


def test_samples_of_a_lossy_codec_are_no_whole_numbers() -> None:
    """A damaged MP3 may decode to a million times full scale; it is refused as damaged."""
    data = by_av(speech(SECONDS), "mp3", "libmp3lame", {"write_xing": "0"})
    begin, end = len(data) * 4 // 10, len(data) * 7 // 10
    noise = np.random.default_rng(1).integers(0, 256, end - begin, dtype=np.uint8).tobytes()

    with pytest.raises(InvalidAudio, match="damaged"):
        decode(data[:begin] + noise + data[end:])
