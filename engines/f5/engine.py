"""
F5-TTS on its official inference path, and on a faster one that makes the same samples (engines/f5/fast.py).

f5_tts/infer/utils_infer.py does the work: `load_model`, `preprocess_ref_audio_text`, `infer_batch_process`; the vocoder is Vocos's own
class, made by engines/f5/vocoder.py: upstream's `load_vocoder` calls whatever class a config.yaml names.
What surrounds them here: the device is always passed (upstream freezes a default at import), the noise is seeded per chunk, the
text cache is cleared before and after (an exception inside the solver leaves it behind), temp files go, stdout stays clean.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from cloning.ports import Alphabet, EngineFacts, F5Parameters, Parameters, Reference, Samples, Utterance, keep_going
from engines.alphabets import f5_knows
from engines.device.errors import translated
from engines.device.placement import choose_device, device_name
from engines.device.verdicts import Prove
from engines.f5.choice import Parts, choose_path
from engines.f5.fast import FastPath, Prepared
from engines.f5.loading import F5Files, load_model, mel_modules, weights_of
from engines.f5.official import split_guidance
from engines.f5.vocoder import HUB_VOCODER, load_vocoder, vocoder_config
from engines.imports.f5 import import_f5
from engines.lru import LruCache

_MOST_REFERENCES = 16


class F5Engine:
    """A loaded F5-TTS model with its vocoder, on one device. Only the owner of the GPU may use it."""

    sample_rate = 24_000
    can_be_frugal = True

    def __init__(
        self,
        f5: Any,
        model: Any,
        vocoder: Any,
        device: str,
        facts: EngineFacts,
        fast: FastPath | None,
        languages: tuple[str, ...] = (),
    ) -> None:
        self._f5 = f5
        self._model = model
        self._vocoder = vocoder
        self._device = device
        self._references: LruCache[tuple[Any, str]] = LruCache(_MOST_REFERENCES)
        self._fast = fast
        self._weights = weights_of(model, vocoder, device)
        self.facts = facts
        self._alphabet = Alphabet(facts.checkpoint, languages, f5_knows(model.vocab_char_map))

    @classmethod
    def load(
        cls, files: F5Files, device: str, sampler: str = "auto", prove: Prove | None = None, kernels: str = "off"
    ) -> "F5Engine":
        """
        Load onto the device in the dtype that upstream chooses (fp16 on a GPU, else fp32), and see that all of it is there.

        `sampler` and `kernels` are the settings; `prove` is asked where the fast path or its kernels must prove themselves. Raises
        CheckpointUnusable, HubUnavailable, DeviceUnavailable, DeviceMismatch, GpuOutOfMemory, WorkerUnfit.
        """
        f5 = import_f5()
        device = choose_device(device)
        with translated(device):
            if files.vocoder:
                vocoder_config(files.vocoder)  # in a millisecond, before seconds go to the model
            model = load_model(f5, files, device)
            vocoder = load_vocoder(files.vocoder, device)
            # Makes the thread-local text cache exist before any thread could race to make it.
            model.transformer.clear_cache()
        chosen = choose_path(Parts(f5, model, vocoder, files), sampler, kernels, prove)
        facts = EngineFacts(
            engine="f5",
            device=device_name(device),
            dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
            sampler="fast" if chosen.fast else "official",
            checkpoint=files.name,
            checkpoint_sha256=files.sha256,
            checkpoint_license=files.license,
            checkpoint_note=files.note,
            license_notice=f"made with F5-TTS (code: MIT) and weights under {files.license}: {files.note}",
            vocoder=files.vocoder.name if files.vocoder else HUB_VOCODER,
            sampler_proof=chosen.proof,
        )
        with translated(device):  # what went wrong on it may show only when it is looked at
            return cls(f5, model, vocoder, device, facts, chosen.fast, files.languages)

    @property
    def worth_parking(self) -> bool:
        """Whether the weights have another memory to go to."""
        return self._weights.worth_parking

    def park(self) -> None:
        """The weights leave the device, and so does what was computed on it; `resume` brings them back."""
        self._model.transformer.clear_cache()
        if self._fast:
            self._fast.forget()
        mel_modules().clear()  # f5_tts keeps one per device, and makes it again
        self._weights.park()

    def resume(self) -> None:
        """The weights are on the device again, all of them. Raises DeviceMismatch, GpuOutOfMemory, WorkerUnfit."""
        self._weights.resume()

    def alphabet(self, language: str | None) -> Alphabet:  # noqa: ARG002 - its vocabulary is one for all languages
        """The characters of its vocabulary, hanzi by their readings."""
        return self._alphabet

    def memory(self) -> dict[str, object]:
        """Where the weights are and what they take."""
        return self._weights.memory()

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        """
        One chunk as float32 samples at 24 kHz, shape [n]. Raises GpuOutOfMemory, DeviceMismatch, WorkerUnfit, and what
        `before_step` raises.

        `frugal` runs the two passes of classifier-free guidance one after the other, with half the memory in flight; the samples
        are then equal but for rounding.
        """
        if not isinstance(parameters, F5Parameters):
            raise TypeError(f"F5-TTS speaks with its own parameters; got {type(parameters).__name__}")
        outcome = self.speak_many([Utterance(reference, text, seed, parameters, before_step)], frugal=frugal)[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def speak_many(self, utterances: Sequence[Utterance], *, frugal: bool = False) -> list[Samples | Exception]:
        """
        What `speak` gives for each, in order, or the exception that it raises; its samples are equal but for rounding.

        Solved together on the fast path, where what fails all is raised; one by one on the official one. In float32, and on the
        official path, an utterance's samples don't depend on the others at all.
        """
        if self._weights.parked:
            self._weights.check()
        if self._fast is None:
            return [self._attempt(one, frugal=frugal) for one in utterances]
        with translated(self._device):
            references = [Prepared(*self._prepared(one.reference)) for one in utterances]
            return self._fast.speak(utterances, references, is_frugal=frugal)

    def _attempt(self, one: Utterance, *, frugal: bool) -> Samples | Exception:
        try:
            return self._speak_officially(one, frugal=frugal)
        except Exception as error:  # noqa: BLE001 - it is its asker's, and raised there; the others go on
            return error

    def _speak_officially(self, one: Utterance, *, frugal: bool) -> Samples:
        import torch

        audio, reference_text = self._prepared(one.reference)
        parameters = one.parameters
        halved = split_guidance(self._model.transformer) if frugal else nullcontext()
        with translated(self._device), self._clean_text_cache(), self._asked(one.before_step), halved:
            # The noise is drawn from the global generators by upstream; with one owner of the GPU they are ours alone.
            torch.manual_seed(one.seed)
            wave, _, _ = next(
                self._f5.infer_batch_process(
                    (audio, self.sample_rate),
                    reference_text,
                    [one.text],
                    self._model,
                    self._vocoder,
                    mel_spec_type="vocos",
                    progress=None,
                    target_rms=parameters.target_rms,
                    cross_fade_duration=parameters.cross_fade_duration,
                    nfe_step=parameters.nfe_step,
                    cfg_strength=parameters.cfg_strength,
                    sway_sampling_coef=parameters.sway_sampling_coef,
                    speed=parameters.speed,
                    fix_duration=parameters.fix_duration,
                    device=self._device,
                )
            )
        return np.asarray(wave, dtype=np.float32).reshape(-1)

    def _prepared(self, reference: Reference) -> tuple[Any, str]:
        """(samples [1, n] at 24 kHz, text with its ending) as upstream's preprocessing leaves them, kept per voice."""
        return self._references.get((reference.sha256, reference.text), lambda: self._preprocessed(reference))

    def _preprocessed(self, reference: Reference) -> tuple[Any, str]:
        import soundfile
        import torch

        path, text = self._f5.preprocess_ref_audio_text(str(reference.path), reference.text)
        try:
            samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
        finally:
            # Upstream keeps every voice's temp file, and its path, for the life of the process.
            Path(path).unlink(missing_ok=True)
            self._f5._ref_audio_cache.clear()  # noqa: SLF001 - there is no public way
        return torch.from_numpy(np.ascontiguousarray(samples.T)), text

    @contextmanager
    def _asked(self, before_step: Callable[[], None]) -> Iterator[None]:
        """The solver evaluates the transformer once a step."""
        hook = self._model.transformer.register_forward_pre_hook(lambda *_: before_step())
        try:
            yield
        finally:
            hook.remove()

    @contextmanager
    def _clean_text_cache(self) -> Iterator[None]:
        self._model.transformer.clear_cache()
        try:
            yield
        finally:
            self._model.transformer.clear_cache()
