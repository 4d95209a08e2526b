"""
How similar two voices are, by WeSpeaker's ResNet34-LM (Apache-2.0, trained on VoxCeleb2): an ONNX file, on one thread of the CPU.

It gets the features that it was trained on, as in WeSpeaker's own wespeaker/bin/infer_onnx.py. docs/decisions/0044 says why this
model and this copy of it.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cloning.errors import CheckpointUnusable, ServiceError
from cloning.names import public_name
from cloning.ports import Clock, Samples
from engines.speakers.comparable import FRAME_S, is_comparable
from storage.hub_errors import hub_failure, is_hub_trouble

HUB_FILE = "speaker-embedding.onnx"
_RATE = 16_000
_MELS, _WIDTH = 80, 256
_FULL_SCALE = 1 << 15  # it was trained on 16-bit samples
_ANY_LENGTH = -1
# Of a long recording so much is compared, in pieces from all of it: each second takes 20 ms of a core and 4 MB of memory at once.
_MOST_S, _PIECES = 60, 6
_PAUSE_S = 600  # the GPU waits while the hub is asked: half a minute if it is down


class Wespeaker:
    """A `SpeakerModel`, loaded at its first use: a name on the hub, or the path of an .onnx file. Only the owner of the GPU may use it."""

    name = "wespeaker"

    def __init__(self, model: str, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self._failure: ServiceError | None = None
        self._failed_at = 0.0

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float | None:
        """The cosine of the two embeddings; see SpeakerModel. Raises CheckpointUnusable and HubUnavailable."""
        if not (is_comparable(one, sample_rate) and is_comparable(other, sample_rate)):
            return None
        first, second = (self._embedded(samples, sample_rate) for samples in (one, other))
        return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))

    def _embedded(self, samples: Samples, sample_rate: int) -> Any:
        import soxr

        session, feats, embs = self._loaded
        audio = soxr.resample(excerpt(samples, sample_rate), sample_rate, _RATE)
        return session.run([embs], {feats: features(audio)[None]})[0][0]

    @cached_property
    def _loaded(self) -> tuple[Any, str, str]:
        """The session, and the names of its input and its output. A failure is remembered, and nothing tried again for a while."""
        if self._failure and self._clock.monotonic() < self._failed_at + _PAUSE_S:
            raise self._failure.copied()
        try:
            session = _session(_file(self._model), self._model)
            return session, *_checked_names(session, self._model)
        except ServiceError as failure:
            self._failure, self._failed_at = failure.copied(), self._clock.monotonic()
            raise


def excerpt(samples: Samples, sample_rate: int) -> Samples:
    """At most 60 s of a recording: the first 10 s of each of its six parts."""
    most = _MOST_S * sample_rate
    if len(samples) <= most:
        return samples
    return np.concatenate([part[: most // _PIECES] for part in np.array_split(samples, _PIECES)])


def features(samples: Samples) -> Samples:
    """Kaldi's filter banks of a recording at 16 kHz, 80 for each 10 ms, less their mean over time."""
    import torch
    import torchaudio.compliance.kaldi

    banks = torchaudio.compliance.kaldi.fbank(
        torch.from_numpy(samples)[None] * _FULL_SCALE,
        num_mel_bins=_MELS,
        frame_length=FRAME_S * 1000,
        frame_shift=10,
        dither=0,
        window_type="hamming",
        use_energy=False,
        sample_frequency=_RATE,
    )
    centred: Samples = (banks - banks.mean(dim=0)).numpy()
    return centred


def _file(model: str) -> Path:
    """The file of a path, or of a name on the hub, which is fetched once."""
    path = Path(model)
    if path.is_file():
        return path
    if path.suffix == ".onnx":
        raise _unusable(model, "there is no such file")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model, HUB_FILE))
    except Exception as error:
        if getattr(error, "errno", None) and not is_hub_trouble(error):
            raise  # a failure of this disk, not of the hub
        what = f"the speaker model {public_name(model)!r} (WESPEAKER_MODEL)"
        raise hub_failure(error, what, CheckpointUnusable, speaker_model=public_name(model)) from error


def _session(path: Path, model: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _unusable(
            model,
            "onnxruntime is not installed; build the image with SIMILARITY=1, or install requirements-similarity.txt",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its advice is no event of ours, and errors are raised
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _unusable(model, f"it does not load as ONNX ({type(error).__name__})") from error


def _checked_names(session: Any, model: str) -> tuple[str, str]:
    """The names of the only input, [1, frames, 80], and of the only output, [1, 256]."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = ", ".join(f"{one.name} {one.shape} {one.type}" for one in (*inputs, *outputs))
    match inputs, outputs:
        case [feats], [embs] if _takes(feats, 1, _ANY_LENGTH, _MELS) and _takes(embs, 1, _WIDTH):
            return feats.name, embs.name
    raise _unusable(
        model, f"it should take floats [1, frames, {_MELS}] and give [1, {_WIDTH}], and it has {found[:200]}"
    )


def _takes(one: Any, *sizes: int) -> bool:
    """Whether a tensor of these sizes fits; a name in a model's shape stands for any size."""
    is_alike = len(one.shape) == len(sizes) and one.type == "tensor(float)"
    return is_alike and all(
        not isinstance(its, int) or its == wanted for its, wanted in zip(one.shape, sizes, strict=True)
    )


def _unusable(model: str, why: str) -> CheckpointUnusable:
    return CheckpointUnusable(
        f"the speaker model {public_name(model)!r} can't be used: {why}. Set WESPEAKER_MODEL to a hub name or the path of an "
        "ONNX file, or unset SPEAKER_MODEL",
        speaker_model=public_name(model),
    )
