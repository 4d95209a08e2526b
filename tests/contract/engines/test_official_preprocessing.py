"""Our clipping of references and our joining of chunks equal upstream's, sample for sample."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning.audio.canonical import SAMPLE_RATE, make_canonical
from cloning.audio.clipping import clip_reference
from cloning.audio.decoding import decode
from cloning.generate.synthesis import cross_fade
from cloning.planning.f5 import with_ending
from engines.imports.f5 import import_f5
from tests.conftest import examples
from tests.unit.cloning.audio.test_canonical import tone, wav

RECORDINGS = [
    "basic/basic_ref_en.wav",
    "basic/basic_ref_zh.wav",
    "multi/main.flac",
    "multi/town.flac",
    "multi/country.flac",
]


def official(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Run upstream's preprocessing on a WAV file."""
    f5 = import_f5()
    made, _ = f5.preprocess_ref_audio_text(str(path), "words")
    samples, _ = soundfile.read(made, dtype="int16")
    Path(made).unlink()
    f5._ref_audio_cache.clear()
    return np.asarray(samples)


def at_24_khz(*names: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Recordings one after the other, 24 kHz mono PCM16."""
    import soxr

    waves = []
    for name in names:
        recording = decode((examples() / name).read_bytes())
        waves.append(soxr.resample(recording.samples, recording.sample_rate, SAMPLE_RATE))
    return np.asarray(np.round(np.concatenate(waves) * 32767), dtype=np.int16)


@pytest.mark.parametrize(
    "names",
    [[name] for name in RECORDINGS] + [["multi/town.flac", "multi/country.flac"], ["multi/main.flac"] * 5],
    ids="+".join,
)
def test_clipping_is_upstreams(names: list[str], tmp_path: Path) -> None:
    """Every sample of speech equals upstream's; its added silence is two samples shorter, being made at 11 kHz."""
    pcm = at_24_khz(*names)
    soundfile.write(tmp_path / "in.wav", pcm, SAMPLE_RATE, subtype="PCM_16")

    clipped, _ = clip_reference(pcm, SAMPLE_RATE)

    theirs = official(tmp_path / "in.wav")
    assert len(theirs) == len(clipped) - 2
    assert np.array_equal(clipped[:-2], theirs)


@pytest.mark.parametrize("noise_dbfs", [None, -38.0])
@pytest.mark.parametrize(
    ("names", "shortest", "longest"),
    [(["basic/basic_ref_en.wav"] * 3, 10.0, 10.75), (["multi/town.flac", "multi/country.flac"], 8.5, 10.3)],
)
def test_a_cut_ends_at_a_pause(
    names: list[str], shortest: float, longest: float, noise_dbfs: float | None, tmp_path: Path
) -> None:
    """Where upstream would cut among words, we cut at the pause before, in quiet and in noise, and upstream then cuts no further."""
    pcm = at_24_khz(*names)
    if noise_dbfs is not None:
        noise = np.random.default_rng(0).standard_normal(len(pcm)) * 10 ** (noise_dbfs / 20)
        pcm = np.asarray(np.clip(pcm + noise * 32767, -32768, 32767), dtype=np.int16)
    soundfile.write(tmp_path / "in.wav", pcm, SAMPLE_RATE, subtype="PCM_16")

    ours, clipped = clip_reference(pcm, SAMPLE_RATE)

    theirs = official(tmp_path / "in.wav")
    soundfile.write(tmp_path / "ours.wav", ours, SAMPLE_RATE, subtype="PCM_16")
    assert clipped
    assert shortest < len(ours) / SAMPLE_RATE < longest
    assert len(ours) <= len(theirs) + 2
    assert np.array_equal(official(tmp_path / "ours.wav"), ours[:-2])


def test_a_cut_without_a_pause_is_upstreams(tmp_path: Path) -> None:
    """Speech without a pause within 6 s is cut at 12 s, as upstream cuts it."""
    pcm = np.asarray(np.round(tone(20.0) * 32767), dtype=np.int16)
    soundfile.write(tmp_path / "in.wav", pcm, SAMPLE_RATE, subtype="PCM_16")

    ours, clipped = clip_reference(pcm, SAMPLE_RATE)

    assert clipped
    assert np.array_equal(ours[:-2], official(tmp_path / "in.wav"))


@pytest.mark.parametrize("name", RECORDINGS)
def test_canonical_audio_passes_upstream_unchanged(name: str, tmp_path: Path) -> None:
    """Upstream leaves our canonical audio unchanged, so the transcript is made from exactly the samples that the model gets."""
    canonical = make_canonical(decode((examples() / name).read_bytes()))
    (tmp_path / "canonical.wav").write_bytes(canonical.wav)

    samples, _ = soundfile.read(io.BytesIO(canonical.wav), dtype="int16")
    assert np.array_equal(official(tmp_path / "canonical.wav"), samples[:-2])


def test_speech_over_12_s_is_cut_and_told(tmp_path: Path) -> None:
    """16 s of speech are cut and reported as cut; 5 s are not."""
    _, clipped = clip_reference(at_24_khz(*["basic/basic_ref_en.wav"] * 3), SAMPLE_RATE)
    _, whole = clip_reference(at_24_khz("basic/basic_ref_en.wav"), SAMPLE_RATE)

    assert (clipped, whole) == (True, False)


@pytest.mark.parametrize("text", ["Hello", "Hello.", "Hello. ", "Hello?", "你好。", "你好"])
def test_reference_texts_end_like_upstreams(text: str, tmp_path: Path) -> None:
    """Our plan counts the bytes of the reference text as the model will get it."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(decode((examples() / RECORDINGS[0]).read_bytes()).samples))

    f5 = import_f5()
    made, ending = f5.preprocess_ref_audio_text(str(path), text.strip())

    Path(made).unlink()
    f5._ref_audio_cache.clear()
    assert with_ending(text) == ending


class MelIsTheText:
    """A model whose mel shows which chunk it was given, to watch upstream's joining."""

    def sample(self, *, cond: Any, text: Any, duration: int, **_: object) -> tuple[Any, None]:
        import torch

        level = len("".join(text[0])) / 100
        return torch.full((1, duration, 100), level), None


class DecodesToRamps:
    """A vocoder that makes 256 samples per frame."""

    def decode(self, mel: Any) -> Any:
        import torch

        frames = mel.shape[-1]
        return (torch.arange(frames * 256) % 997 / 997 * mel[0, 0, 0]).unsqueeze(0)


@pytest.mark.parametrize("overlap_s", [0.0, 0.15, 1.0, 30.0])
def test_joining_is_upstreams(overlap_s: float) -> None:
    """Chunks are joined by linear cross-fades as upstream's are, shorter where a chunk is short, in linear time."""
    import torch

    f5 = import_f5()
    texts = ["The quick brown fox jumps.", "Over the lazy dog, and then.", "He sleeps. Does he not?"]
    audio = (torch.sin(torch.arange(48_000) / 20).unsqueeze(0) * 0.5, SAMPLE_RATE)

    def speak(chunks: list[str]) -> Any:
        return next(
            f5.infer_batch_process(
                audio,
                "Some words. ",
                chunks,
                MelIsTheText(),
                DecodesToRamps(),
                progress=None,
                cross_fade_duration=overlap_s,
                device="cpu",
            )
        )[0]

    joined = cross_fade([speak([text]) for text in texts], int(overlap_s * SAMPLE_RATE))

    assert np.array_equal(joined, np.asarray(speak(texts), dtype=np.float32))
