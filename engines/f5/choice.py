"""
Which path speaks, and with which kernels: what the settings SAMPLER and KERNELS ask for, as far as it holds here.

Kernels have a verdict of their own. Where it is good, it is the fast solver's too; where a kernel is wrong, or took a worker along,
torch's operations are looked at instead.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloning import keys
from engines.device.errors import translated
from engines.device.verdicts import Findings, Prove, Verdict
from engines.f5.fast import FastPath, make_fast
from engines.f5.fused import FusedBlocks, refusal
from engines.f5.kernels.compiled import FOLDER, Compiled, KernelsUnusable, find
from engines.f5.kernels.launch import expect_driver, load_kernels
from engines.f5.loading import F5Files
from engines.f5.proof import circumstances, measure
from engines.f5.solver import supports

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a path is made of: f5_tts's own functions, the model, the vocoder and the checkpoint's files."""

    f5: Any
    model: Any
    vocoder: Any
    files: F5Files


@dataclass(frozen=True)
class Chosen:
    """The fast path, or None for the official one; and why, where that had to be found out."""

    fast: FastPath | None
    proof: Mapping[str, object] | None


def choose_path(parts: Parts, sampler: str, kernels: str, prove: Prove | None) -> Chosen:
    """Raises CheckpointUnusable if SAMPLER is `fast` and can't be, GpuOutOfMemory, DeviceMismatch, WorkerUnfit."""
    device = str(next(parts.model.parameters()).device)
    with translated(device):
        fast = make_fast(sampler, parts.f5, parts.model, parts.vocoder, checkpoint=parts.files.name)
    is_open = fast is None and sampler == "auto" and prove is not None and supports(parts.model)
    if kernels != "auto" or not (fast or is_open):
        return _without_kernels(parts, fast, prove if is_open else None)
    try:
        return _with_kernels(parts, device, prove)
    except KernelsUnusable as error:
        why = str(error)
    log.warning("kernels.eager", extra={"checkpoint": parts.files.name, "why": why})
    chosen = _without_kernels(parts, fast, prove if is_open else None)
    return Chosen(chosen.fast, {**(chosen.proof or {}), "kernels": "eager", "kernels_why": why})


def _without_kernels(parts: Parts, fast: FastPath | None, prove: Prove | None) -> Chosen:
    """With `prove` the fast path speaks only where it is proved."""
    if prove is None:
        return Chosen(fast, None)
    verdict = prove(circumstances(parts.model, parts.files), lambda: measure(parts.model, parts.vocoder))
    _tell(verdict, parts.files.name)
    return Chosen(_path(parts) if verdict.holds else None, verdict.to_json())


def _with_kernels(parts: Parts, device: str, prove: Prove | None) -> Chosen:
    """Raises KernelsUnusable where there are none, or they are not proved."""
    with translated(device):  # what this machine lacks is no verdict on the card: nothing of it is remembered
        compiled = compiled_for(parts.model)
        if prove is None:
            raise KernelsUnusable("the kernels have to prove themselves, and there is nowhere to keep the verdict")
        expect_driver(device)
    fused = _Fused(parts, compiled, device)
    verdict = prove(circumstances(parts.model, parts.files, kernels=compiled.digest), fused.measure)
    if not verdict.holds:
        raise KernelsUnusable(_reason(verdict))
    blocks = fused.blocks()
    _tell(verdict, parts.files.name)
    log.info("kernels.fused", extra={"checkpoint": parts.files.name, "kernels_digest": compiled.digest})
    return Chosen(_path(parts, blocks), {**verdict.to_json(), "kernels": "fused", "kernels_why": ""})


def _reason(verdict: Verdict) -> str:
    """Why they don't speak, with the object that an operator removes to have them tried again."""
    said = f"{verdict.state}: {verdict.why}"
    is_kept = bool(verdict.key) and verdict.state != "skipped"  # a benchmark keeps none
    if not is_kept or (record := keys.proof(verdict.key)) in verdict.why:
        return said
    return f"{said}; its verdict is {record}"


class _Fused:
    """The blocks with their kernels, which are loaded at the first use: after the mark of the proof, or when they are proved."""

    def __init__(self, parts: Parts, compiled: Compiled, device: str) -> None:
        self._parts = parts
        self._compiled = compiled
        self._device = device
        self._blocks: FusedBlocks | None = None

    def measure(self) -> Findings:
        """For the proof. Kernels that can't be loaded fail it."""
        try:
            blocks = self.blocks()
        except KernelsUnusable as error:
            return Findings({}, (str(error),))
        return measure(self._parts.model, self._parts.vocoder, fused=blocks)

    def blocks(self) -> FusedBlocks:
        """Raises KernelsUnusable, and the failures of the device."""
        if self._blocks is None:
            with translated(self._device):
                kernels = load_kernels(self._compiled, self._device)
            self._blocks = FusedBlocks(self._parts.model.transformer, kernels)
        return self._blocks


def compiled_for(model: Any) -> Compiled:
    """The kernels for this model on its device. Raises KernelsUnusable."""
    import torch

    dit = model.transformer
    weight = dit.proj_out.weight
    if weight.device.type != "cuda":
        raise KernelsUnusable(f"the kernels run on a GPU, and the model is on {weight.device}")
    if why := refusal(dit):
        raise KernelsUnusable(why)
    major, minor = torch.cuda.get_device_capability(weight.device)
    return find(FOLDER, card=10 * major + minor, dtype=str(weight.dtype).removeprefix("torch."), dim=dit.dim)


def _path(parts: Parts, fused: FusedBlocks | None = None) -> FastPath:
    return FastPath(parts.f5, parts.model, parts.vocoder, fused)


def _tell(verdict: Verdict, checkpoint: str) -> None:
    event, level = ("sampler.proved", logging.INFO) if verdict.holds else ("sampler.unproved", logging.WARNING)
    log.log(level, event, extra={"checkpoint": checkpoint, **verdict.to_json()})
