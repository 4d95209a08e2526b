"""
Whether the fast solver computes on this device what the official modules compute: looked at before it speaks there.

One velocity shows a fault that a whole mel hides, because the official path's own rounding of times, angles and states fills the mel
by the end. So velocities are compared, alone and in a pack, with those of the official module, its rotary frequencies and time embedding
in float32 for as long as that takes; then two steps with guidance, the grid, the draw, and what the vocoder makes of both. The bounds of half
precision are three times the largest distance that was measured and a third of the mildest fault's
(docs/decisions/0036-the-fast-solver-proves-itself.md).
"""

import copy
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloning.versions import versions
from engines.device.errors import translated
from engines.device.verdicts import Circumstances, Findings
from engines.f5 import block, fast, fused, packs, rotary, solver, tables
from engines.f5.fused import FusedBlocks
from engines.f5.kernels import check, driver, launch
from engines.f5.loading import F5Files
from engines.f5.solver import Condition, Guidance, Sampler

if TYPE_CHECKING:
    from torch import Tensor

SIZES = ((256, 96), (192, 80))
"""Of the two utterances: frames of reference and speech together, and of the reference."""
BOUNDS: Mapping[str, dict[str, float]] = {
    "torch.float16": {"velocity": 4e-3, "largest": 5e-2, "steps": 1e-2, "vocoder": 0.3},
    "torch.bfloat16": {"velocity": 2e-2, "largest": 0.4, "steps": 8e-2, "vocoder": 0.6},
}
_TIMES = (0.0, 0.25, 0.75)  # exact in half precision
_GRID = (0.0, 0.25, 1.0)
_GUIDANCE = 2.0
_STEPS_ASKED = (7, 16, 32)
_ONE_SILENCE = -3.0  # about a log-mel's mean
_DRIVER = Path("/proc/driver/nvidia/version")
_CODE = tuple(Path(str(module.__file__)) for module in (solver, block, packs, rotary, tables, fast))
_KERNELS = tuple(Path(str(module.__file__)) for module in (fused, check, driver, launch))

Distances = dict[str, float | None]


def circumstances(
    model: Any, files: F5Files, *, code: Iterable[Path] = (*_CODE, Path(__file__)), kernels: str = ""
) -> Circumstances:
    """All that a verdict depends on. `code` are the files whose change makes a new one, `kernels` the digest of those that are used."""
    import torch

    parameter = next(model.parameters())
    installed = versions()
    return {
        **_card(parameter.device),
        "torch": torch.__version__,
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]  # torch's own
        "f5_tts": str(installed["f5-tts"]),
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "arch": hashlib.sha256(json.dumps(files.arch, sort_keys=True, default=str).encode()).hexdigest()[:16],
        "code": _digest(code),
        "checkpoint": files.sha256,
        **({"kernels_digest": kernels, "kernels_code": _digest(_KERNELS)} if kernels else {}),
    }


def measure(
    model: Any, vocoder: Any, sizes: Sequence[tuple[int, int]] = SIZES, fused: FusedBlocks | None = None
) -> Findings:
    """Compare both paths on the model's device, in its dtype, and the kernels, if any. Raises GpuOutOfMemory, DeviceMismatch, WorkerUnfit."""
    import torch

    parameter = next(model.parameters())
    conditions = [_condition(model, number, *size) for number, size in enumerate(sizes)]
    with translated(str(parameter.device)), torch.inference_mode(), _clean(model):
        sampler = Sampler(model, fused)
        found: Distances = {
            **({name: _worst([far]) for name, far in fused.compared().items()} if fused else {}),
            **_velocities(model, sampler, conditions),
            **_steps(model, vocoder, conditions[0], fused),
        }
        problems = [*_same_grid(sampler), *_same_draw(conditions[0], parameter)]
    bounds = _bounds(BOUNDS, parameter) | (_bounds(check.BOUNDS, parameter) if fused else {})
    over = [_over(name, found[name], bound) for name, bound in bounds.items() if not _is_within(found[name], bound)]
    return Findings(found, (*over, *problems))


def _velocities(model: Any, sampler: Sampler, conditions: Sequence[Condition]) -> Distances:
    """The largest distances of all times, of each utterance alone and of both in a pack."""
    far, largest = list[float](), list[float]()
    for time in _TIMES:
        ours = [sampler.velocities([one], time)[0] for one in conditions] + sampler.velocities(conditions, time)
        theirs = [_officially(model, one, solver.noise(one, _known(model, one)), time) for one in conditions]
        for value, truth in zip(ours, theirs * 2, strict=True):
            far.append(_distance(value, truth))
            largest.append(float((value - truth).abs().max() / truth.square().mean().sqrt()))
    return {"velocity": _worst(far), "largest": _worst(largest)}


def _steps(model: Any, vocoder: Any, one: Condition, fused: FusedBlocks | None) -> Distances:
    """Two of Euler's steps with guidance, and the sound of what they make. Only the speech counts: the reference is given."""
    sampler, guidance = Sampler(model, fused), Guidance(len(_GRID) - 1, _GUIDANCE, None)
    sampler.use_grid(guidance, _GRID)
    (mel,) = sampler.solve([one], guidance)
    if isinstance(mel, Exception):
        raise mel
    state = solver.noise(one, _known(model, one))
    for time, until in pairwise(_GRID):
        with_text, without = _officially(model, one, state, time)
        state = state + (with_text + (with_text - without) * _GUIDANCE) * (until - time)
    heard = len(one.mel)
    ours, theirs = (vocoder.decode(speech[heard:].float().T[None]) for speech in (mel, state))
    is_sound = bool(ours.isfinite().all()) and bool(ours.square().mean() > 0)
    return {
        "steps": _worst([_distance(mel[heard:], state[heard:])]),
        "vocoder": _worst([_distance(ours, theirs)]) if is_sound else None,
    }


def _officially(model: Any, one: Condition, state: "Tensor", time: float) -> "Tensor":
    """The official module's velocity, but for what rounding does to angles and times: shape [2, n, mels]."""
    import torch
    from torch.nn.functional import pad

    known = _known(model, one)
    heard = pad(known, (0, 0, 0, one.frames - len(known)))[None]
    with _unrounded(model.transformer), _clean(model):
        flow: Tensor = model.transformer(
            x=state.to(known.dtype)[None],
            cond=heard,
            text=one.tokens.to(known.device)[None],
            time=torch.tensor(time, dtype=known.dtype, device=known.device),
            cfg_infer=True,
            cache=False,
        )
    return flow.float()


@contextmanager
def _unrounded(dit: Any) -> Iterator[None]:
    """Within the block the module's rotary frequencies and time embedding are in float32, as in training."""
    position_embed, time_embed = dit.rotary_embed, dit.time_embed
    rounded, exact = position_embed.inv_freq, copy.deepcopy(time_embed).float()
    position_embed.inv_freq = rotary.frequencies(rounded)
    time_embed.forward = lambda time: exact(time.float()).to(time.dtype)
    try:
        yield
    finally:
        position_embed.inv_freq = rounded
        del time_embed.forward


@contextmanager
def _clean(model: Any) -> Iterator[None]:
    """Within the block, and after it, the module remembers no text."""
    model.transformer.clear_cache()
    try:
        yield
    finally:
        model.transformer.clear_cache()


def _same_grid(sampler: Sampler) -> Iterator[str]:
    """The lengths of the steps are those of upstream's formula in float32, to the last bit."""
    import torch
    from f5_tts.model.utils import get_epss_timesteps

    for count in _STEPS_ASKED:
        steps = sampler.grid(Guidance(count, _GUIDANCE, -1.0))
        t = get_epss_timesteps(count, device=steps[0].dt.device, dtype=torch.float32)
        t = t - (torch.cos(torch.pi / 2 * t) - 1 + t)
        if not torch.equal(torch.stack([step.dt for step in steps]), t[1:] - t[:-1]):
            yield f"the time grid of {count} steps is another than upstream's"


def _same_draw(one: Condition, parameter: "Tensor") -> Iterator[str]:
    """The separate generator draws what upstream draws from the global one."""
    import torch

    known = one.mel.to(parameter.device, parameter.dtype)
    with torch.random.fork_rng(devices=[known.device] if known.is_cuda else []):
        torch.manual_seed(one.seed)
        drawn = torch.randn(one.frames, known.shape[-1], device=known.device, dtype=known.dtype)
    if not torch.equal(solver.noise(one, known), drawn.float()):
        yield "the noise is another than upstream's for the same seed"


def _condition(model: Any, number: int, frames: int, heard: int) -> Condition:
    """An utterance of random numbers, the same for everyone: about a log-mel's range, and tokens of the vocabulary."""
    import torch

    generator = torch.Generator().manual_seed(number)
    mel = torch.randn(heard, model.num_channels, generator=generator) * 2 + _ONE_SILENCE
    most = model.transformer.text_embed.text_embed.num_embeddings - 1
    tokens = torch.randint(0, most, (frames // 6,), generator=generator)
    return Condition(mel, tokens, frames, seed=number + 1)


def _known(model: Any, one: Condition) -> "Tensor":
    parameter = next(model.parameters())
    return one.mel.to(parameter.device, parameter.dtype)


def _distance(value: "Tensor", truth: "Tensor") -> float:
    """Root of the mean square of the difference, over the truth's."""
    return float((value.float() - truth).square().mean().sqrt() / truth.square().mean().sqrt())


def _worst(values: Sequence[float]) -> float | None:
    return float(f"{max(values):.3g}") if all(map(math.isfinite, values)) else None


def _is_within(value: float | None, bound: float) -> bool:
    return value is not None and value <= bound


def _bounds(by_dtype: Mapping[str, dict[str, float]], parameter: "Tensor") -> dict[str, float]:
    return by_dtype.get(str(parameter.dtype), by_dtype["torch.float16"])


def _over(name: str, value: float | None, bound: float) -> str:
    return f"{name}: {'no number' if value is None else f'{value:g}'}, and at most {bound:g} is rounding"


def _card(device: Any) -> dict[str, str]:
    import torch

    if device.type != "cuda":
        return {"card": device.type, "capability": "", "driver": ""}
    with translated(str(device)):
        facts = torch.cuda.get_device_properties(device)
    return {"card": facts.name, "capability": f"{facts.major}.{facts.minor}", "driver": _driver()}


def _driver() -> str:
    """The first line of what the driver says of itself; '' where it can't be asked."""
    with suppress(OSError):
        return _DRIVER.read_text("utf-8").partition("\n")[0].strip()
    return ""


def _digest(code: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
