"""
The work of `infer_batch_process` (f5_tts/infer/utils_infer.py) for a chunk, but with the solver of engines/f5/solver.py.

Loudness, length, tokens, vocoder: the same values in the same order, so the samples are the same wherever the solver's are.
A voice's reference mel is made once per loudness and kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cloning.errors import CheckpointUnusable
from cloning.ports import Samples, Utterance
from engines.f5.fused import FusedBlocks
from engines.f5.solver import Condition, Guidance, Sampler, supports
from engines.lru import LruCache

if TYPE_CHECKING:
    from torch import Tensor

HOP = 256
SAMPLE_RATE = 24_000
_MOST_VOICES = 16
_LONGEST = 65_536  # frames; CFM.sample's
# Upstream speaks a chunk of fewer bytes at this speed, whatever the request.
_TINY_BYTES, _TINY_SPEED = 10, 0.3


def make_fast(sampler: str, f5: Any, model: Any, vocoder: Any, *, checkpoint: str) -> "FastPath | None":
    """
    Make the path that the setting SAMPLER asks for; None means the official one.

    'auto' means this one on a CPU, where its samples equal the official path's; elsewhere it has to be proved. Raises CheckpointUnusable if 'fast' is impossible.
    """
    if sampler == "official":
        return None
    if not supports(model):
        if sampler == "fast":
            raise CheckpointUnusable(
                f"the fast sampler needs a DiT model with torch's attention, which checkpoint {checkpoint!r} is not: set SAMPLER=auto",
                checkpoint=checkpoint,
            )
        return None
    parameter = next(model.parameters())
    is_equal = str(parameter.dtype) == "torch.float32" and parameter.device.type == "cpu"
    return FastPath(f5, model, vocoder) if sampler == "fast" or is_equal else None


@dataclass(frozen=True)
class Prepared:
    """A reference after upstream's preprocessing: samples of shape [1, n] at 24 kHz, and the text with its ending."""

    audio: "Tensor"
    text: str


@dataclass(frozen=True)
class _Voice:
    """A reference at the target loudness: its log-mel, shape [m, mels]; `rms` is its original loudness if it was made louder."""

    mel: "Tensor"
    loudness: float
    rms: "Tensor | None"


class FastPath:
    """Speaks utterances with prepared references, several at once; with `fused` by kernels of its own."""

    def __init__(self, f5: Any, model: Any, vocoder: Any, fused: FusedBlocks | None = None) -> None:
        self._f5 = f5
        self._model = model
        self._vocoder = vocoder
        self._sampler = Sampler(model, fused)
        self._voices: LruCache[_Voice] = LruCache(_MOST_VOICES)

    def forget(self) -> None:
        """Drop everything on the device."""
        self._sampler.forget()
        self._voices.clear()

    def speak(
        self, utterances: Sequence[Utterance], references: Sequence[Prepared], *, is_frugal: bool = False
    ) -> list[Samples | Exception]:
        """
        Each utterance's samples at 24 kHz, float32, shape [n], or what its `before_step` raised; in order.

        In half precision utterances with equal guidance are solved together, which suits a GPU; in float32 each is solved alone, so
        that its samples don't depend on the others.
        """
        spoken: dict[int, Samples | Exception] = {}
        voices = [self._voice(*one) for one in zip(utterances, references, strict=True)]
        conditions = [self._condition(*one) for one in zip(utterances, references, voices, strict=True)]

        packs = _by_guidance(utterances) if self._sampler.is_half else [[one] for one in range(len(utterances))]
        for members in packs:
            guidance = _guidance(utterances[members[0]])
            mels = self._sampler.solve([conditions[one] for one in members], guidance, is_frugal=is_frugal)
            for one, mel in zip(members, mels, strict=True):
                heard = references[one].audio.shape[-1] // HOP
                spoken[one] = mel if isinstance(mel, Exception) else self._wave(mel[heard:], voices[one])
        return [spoken[one] for one in range(len(utterances))]

    def _voice(self, utterance: Utterance, reference: Prepared) -> _Voice:
        loudness = utterance.parameters.target_rms
        key = (utterance.reference.sha256, utterance.reference.text, loudness)
        return self._voices.get(key, lambda: self._new_voice(reference.audio, loudness))

    def _new_voice(self, audio: "Tensor", loudness: float) -> _Voice:
        import torch

        rms = torch.sqrt(torch.mean(torch.square(audio)))
        is_quiet = bool(rms < loudness)
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            mel = self._model.mel_spec((audio * loudness / rms if is_quiet else audio).to(device))
        return _Voice(mel[0].T, loudness, rms if is_quiet else None)

    def _condition(self, utterance: Utterance, reference: Prepared, voice: _Voice) -> Condition:
        from f5_tts.model.utils import list_str_to_idx

        text = reference.text + (" " if len(reference.text[-1].encode()) == 1 else "")
        tokens = list_str_to_idx(self._f5.convert_char_to_pinyin([text + utterance.text]), self._model.vocab_char_map)[
            0
        ]
        asked = _frames(utterance, text, reference.audio.shape[-1] // HOP)
        frames = min(max(asked, len(tokens) + 1, len(voice.mel) + 1), _LONGEST)
        return Condition(voice.mel, tokens, frames, utterance.seed, utterance.before_step)

    def _wave(self, mel: "Tensor", voice: _Voice) -> Samples:
        import torch

        with torch.inference_mode():
            wave = self._vocoder.decode(mel.float().T[None])
            if voice.rms is not None:
                wave = wave * voice.rms / voice.loudness
        return np.asarray(wave.squeeze().cpu().numpy(), dtype=np.float32).reshape(-1)


def _guidance(utterance: Utterance) -> Guidance:
    asked = utterance.parameters
    return Guidance(asked.nfe_step, asked.cfg_strength, asked.sway_sampling_coef)


def _by_guidance(utterances: Sequence[Utterance]) -> list[list[int]]:
    groups: dict[Guidance, list[int]] = {}
    for one, utterance in enumerate(utterances):
        groups.setdefault(_guidance(utterance), []).append(one)
    return list(groups.values())


def _frames(utterance: Utterance, reference_text: str, heard: int) -> int:
    """The length of reference and speech together: as fixed, or by the reference's rate of speech and the bytes to speak."""
    if utterance.parameters.fix_duration is not None:
        return int(utterance.parameters.fix_duration * SAMPLE_RATE / HOP)
    said = len(utterance.text.encode())
    speed = _TINY_SPEED if said < _TINY_BYTES else utterance.parameters.speed
    return heard + int(heard / len(reference_text.encode()) * said / speed)
