"""What is measured on: a checkpoint with random weights, both engines with it on one device, and a voice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.machine import Meter
from benchmarks.paths import SENTENCE, spoken_text
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.tiny import TINY, make_checkpoint
from model_cache.catalog import find
from model_cache.prepare import prepare
from model_cache.progress import unwatched
from model_cache.sources import Fetched

ARCHITECTURES = {"full": "F5TTS_v1_Base", "tiny": TINY}
SPOKEN = "Some call me nature, others call me mother nature."  # in the sample in f5-tts's package
SEED = 0
WARM_UP_S = 3.0
CALM = 0.25


@dataclass(frozen=True)
class Asked:
    """
    What to measure.

    Solver steps and seconds of one stream; seconds of the official path alone; utterances at once and their solver steps; measured
    rounds; how often the weights leave; and what the traces' paths begin with (None: no traces are written).
    """

    nfe: Sequence[int]
    lengths: Sequence[float]
    seconds: Sequence[float]
    crowd: int
    crowd_nfe: int
    rounds: int
    cycles: int
    traces: Path | None = None

    @property
    def middle_s(self) -> float:
        """The middle one of the lengths."""
        return sorted(self.lengths)[len(self.lengths) // 2]


USUAL = Asked(
    nfe=(32, 16, 7), lengths=(3.0, 5.0, 10.0), seconds=(5.0, 10.0, 20.0), crowd=16, crowd_nfe=16, rounds=3, cycles=10
)
"""What is measured unless the command line says otherwise."""


@dataclass(frozen=True)
class Bench:
    """Both engines with the weights of `files` on one device, and the voice, which is `reference_s` seconds when prepared."""

    official: F5Engine
    fast: F5Engine
    files: F5Files
    meter: Meter
    voice: Reference
    reference_s: float

    @property
    def device(self) -> str:
        """As torch names it."""
        return self.official._device  # noqa: SLF001 - what an engine keeps to itself

    @property
    def is_gpu(self) -> bool:
        """Whether it is one that CUDA knows."""
        return self.device.startswith("cuda")

    @property
    def engines(self) -> dict[str, F5Engine]:
        """By the names that the report has for their paths."""
        return {"official": self.official, "fast": self.fast}

    @property
    def model(self) -> Any:
        """The official engine's CFM, in the precision that speaks."""
        return self.official._model  # noqa: SLF001 - what an engine keeps to itself

    @cached_property
    def half(self) -> Any:
        """The CFM in half precision: on a GPU the one that speaks, on a CPU another."""
        is_half = str(next(self.model.parameters()).dtype) == "torch.float16"
        return self.model if is_half else self.in_float32().half()

    def in_float32(self) -> Any:
        """Another CFM of these weights, on the CPU."""
        return F5Engine.load(self.files, "cpu", "official")._model  # noqa: SLF001 - what an engine keeps to itself

    def utterance(self, seconds: float, nfe: int) -> Utterance:
        """One of so many seconds besides the reference, in so many steps."""
        parameters = F5Parameters(nfe_step=nfe, fix_duration=self.reference_s + seconds)
        return Utterance(self.voice, spoken_text(seconds), SEED, parameters)


def random_checkpoint(folder: Path, arch: str) -> F5Files:
    """Weights under `ema.`, then the repair, as for a published file that f5_tts's loader refuses."""
    made = find(str(_calmed(make_checkpoint(folder / "made", arch=arch))))
    model, vocab = folder / "model.safetensors", Path(made.vocab or "")
    prepare(Fetched(Path(made.source), private=False), model, made, vocab, dtype="keep", watch=unwatched)
    return F5Files(
        name=made.name,
        model=model,
        backbone=made.backbone,
        arch=dict(made.arch),
        vocab=vocab,
        vocoder=Path(made.vocoder or ""),
        sha256="",  # not needed for random numbers
        license=made.license,
        note=made.note,
    )


def _calmed(checkpoint: Path) -> Path:
    """
    The same folder with smaller queries and keys.

    Random attention that is sharp in each of 22 blocks amplifies any rounding to a third of the mel, on either path: distances
    would then be meaningless. Trained attention is not like that.
    """
    from safetensors.torch import load_file, save_file

    model = checkpoint / "model.safetensors"
    tensors = {
        name: tensor * CALM if ".to_q." in name or ".to_k." in name else tensor
        for name, tensor in load_file(model).items()
    }
    save_file(tensors, model.with_suffix(".calmed"))
    model.with_suffix(".calmed").replace(model)  # what is still mapped stays as it was
    return checkpoint


def sample_voice() -> Reference:
    """The recording in f5-tts's package."""
    import soundfile

    path = Path(str(files("f5_tts") / "infer" / "examples" / "basic" / "basic_ref_en.wav"))
    return Reference(
        path, SPOKEN, hashlib.sha256(path.read_bytes()).hexdigest(), duration=soundfile.info(path).duration
    )


def warm_up(engine: F5Engine, voice: Reference) -> float:
    """The engine's first speech; returns the seconds of the reference as upstream's preprocessing leaves it."""
    total_s = voice.duration + WARM_UP_S
    parameters = replace(F5Parameters(nfe_step=4), fix_duration=total_s)
    return total_s - engine.speak(voice, SENTENCE, seed=SEED, parameters=parameters).size / engine.sample_rate
