"""A decoding process's message is used only if ours could have sent it."""

import json
import struct
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.audio.canonical import check_and_make_canonical
from cloning.errors import InvalidAudio
from tests.unit.cloning.audio.test_canonical import tone, wav
from worker.audio_decoder import _canonical, _parsed, _recording
from worker.audio_decoder_process import ProcessDied

CANONICAL, MEASURES = check_and_make_canonical(wav(tone(2.0)))
FIELDS = {name: value for name, value in asdict(CANONICAL).items() if name != "wav"}


def message(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text + body


def told(fields: dict[str, Any] | None = None, measures: dict[str, Any] | None = None, body: bytes = b"") -> bytes:
    header = {"canonical": {**FIELDS, **(fields or {})}, "measures": {**asdict(MEASURES), **(measures or {})}}
    return message(header, body or CANONICAL.wav)


def test_our_own_message_is_believed() -> None:
    """Every field of our own message comes back as it was."""
    assert _canonical(_parsed(told())) == (CANONICAL, MEASURES)


WAV = CANONICAL.wav
ODD_WAVS = {
    "none": b"\0",
    "a header alone": WAV[:44],
    "cut": WAV[:-2],
    "longer than it says": WAV + b"\0\0",
    "two channels": WAV[:22] + b"\2" + WAV[23:],
    "another rate": WAV[:24] + struct.pack("<I", 48_000) + WAV[28:],
    "not PCM": WAV[:20] + b"\3" + WAV[21:],
    "another container": b"OggS" + WAV[4:],
    "an hour": WAV[:4] + struct.pack("<I", 36 + 2**27) + WAV[8:40] + struct.pack("<I", 2**27) + bytes(2**27),
}


@pytest.mark.parametrize("name", ODD_WAVS)
def test_only_a_canonical_wav_is_stored(name: str) -> None:
    """Only a short, whole WAV of 24 kHz mono PCM16 is stored, because the engines' decoders read it later."""
    with pytest.raises(ProcessDied):
        _canonical(_parsed(told(body=ODD_WAVS[name])))


@pytest.mark.parametrize(
    "header",
    [
        b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff", b"[" * 100_000, {"canonical": 1}, {"canonical": None}, {"canonical": {}}, {},
        {"nobody": 1}, {"refused": {"message": "x"}}, {"refused": {"message": "x" * 5000, "details": {}}},
        {"refused": {"message": 1, "details": {}}}, {"sample_rate": 0}, {"sample_rate": 10**9}, {"sample_rate": "many"},
        b'{"canonical": {"duration": NaN, "clipped": false, "gain_db": 0}, "measures": {}}',
    ],
    ids=lambda header: str(header)[:30],
)  # fmt: skip
def test_nonsense_is_a_death(header: object) -> None:
    """Nonsense counts as the process's death, so the file is tried again; it is neither a bug of ours nor an answer."""
    with pytest.raises(ProcessDied) as died:
        _canonical(_parsed(message(header, WAV)))

    assert died.value.is_crash


@pytest.mark.parametrize("name", [*asdict(MEASURES)])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"much"', "null", "[]"])
def test_measures_are_finite_numbers(name: str, value: str) -> None:
    """Measures must be finite numbers, because the voice's record is strict JSON."""
    header = json.dumps({"canonical": FIELDS, "measures": {**asdict(MEASURES), name: "HERE"}})

    with pytest.raises(ProcessDied):
        _canonical(_parsed(message(header.replace('"HERE"', value).encode(), WAV)))


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0, 12.0, 1e9])
def test_the_duration_is_the_wavs(value: float) -> None:
    """The duration is that of the WAV, whatever the process says."""
    with pytest.raises(ProcessDied):
        _canonical(_parsed(told({"duration": value})))


@pytest.mark.parametrize("samples", [[np.nan], [np.inf], [0.0, -np.inf]])
def test_samples_are_finite(samples: list[float]) -> None:
    """Samples must be finite, as the decoder promises."""
    with pytest.raises(ProcessDied):
        _recording(_parsed(message({"sample_rate": 24_000}, np.array(samples, np.float32).tobytes())))


def test_half_a_sample_is_none() -> None:
    """A sample has four bytes, so a rest of bytes is refused."""
    with pytest.raises(ProcessDied):
        _recording(_parsed(message({"sample_rate": 24_000}, b"123")))


def test_a_refusal_is_raised_with_its_details() -> None:
    """A refusal is raised as InvalidAudio with its message and details, and as nothing else."""
    with pytest.raises(InvalidAudio, match="too loud") as refused:
        _parsed(message({"refused": {"message": "too loud", "details": {"peak": 1.5}}}))

    assert refused.value.details == {"peak": 1.5}


@pytest.mark.parametrize("name", ["message", "self"])
def test_details_cant_take_an_arguments_name(name: str) -> None:
    """Details can't have an argument's name, because they are passed by keyword."""
    with pytest.raises(ProcessDied):
        _parsed(message({"refused": {"message": "x", "details": {name: 1}}}))


@given(data=st.binary(max_size=200) | st.builds(message, st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["refused", "canonical", "measures", "bug", "sample_rate", "body", "details", "message"]), inner)), st.binary()))  # fmt: skip
def test_no_message_surprises(data: bytes) -> None:
    """Any message gives a result, a refusal, a bug or a death, and never another exception."""
    for read in (_canonical, _recording):
        with suppress(ProcessDied, InvalidAudio, RuntimeError):
            read(_parsed(data))


def test_a_wav_of_the_most_that_is_kept_passes() -> None:
    """A WAV of the longest kept length, 12 s and the silence at its end, is accepted."""
    canonical, _ = check_and_make_canonical(wav(tone(20.0)))

    assert _canonical(_parsed(told({"duration": canonical.duration}, body=canonical.wav)))[0] == replace(
        canonical, clipped=False
    )
