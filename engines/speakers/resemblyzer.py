"""
How similar two voices are, by Resemblyzer (Apache-2.0; its weights are in its package), on the CPU.

The model is small and from 2019: its figures compare speech of one deployment. They are not the SIM of papers (WavLM), and decide
nothing.
"""

import warnings
from functools import cached_property
from typing import Any

from cloning.ports import Samples
from cloning.process_lock import warnings_kept
from engines.speakers.comparable import is_comparable


class Resemblyzer:
    """A `SpeakerModel`, loaded at its first use. Only the owner of the GPU may use it: torch runs in one thread."""

    name = "resemblyzer"

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float | None:
        """See SpeakerModel."""
        if not (is_comparable(one, sample_rate) and is_comparable(other, sample_rate)):
            return None
        first, second = (self._embedded(samples, sample_rate) for samples in (one, other))
        return float(first @ second)

    def _embedded(self, samples: Samples, sample_rate: int) -> Any:
        encoder, prepare = self._loaded
        return encoder.embed_utterance(prepare(samples, sample_rate))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        with warnings_kept():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports from where SciPy 2 has nothing left
            import resemblyzer

            return resemblyzer.VoiceEncoder("cpu", verbose=False), resemblyzer.preprocess_wav
