"""
The official path and ours side by side: what the benchmarks on a CPU (solver.py) and on a GPU (gpu/) share.

Nothing here needs more than the engines do, so it runs on a machine that has torch and the wheelhouse alone.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from benchmarks.machine import say
from cloning.ports import F5Parameters, Reference, Samples, Utterance
from engines.f5.engine import F5Engine
from engines.f5.fast import Prepared
from engines.f5.solver import Condition, Guidance, Sampler

SENTENCE = "The river runs past the old mill, and the wheel turns all day long."
SENTENCE_S = 4.0  # about; with a fixed duration the text's length changes nothing but the last detail

Seconds = dict[str, dict[str, float]]
"""By name: `median_s`, and the slowest less the fastest as `spread_s`."""


def spoken_text(seconds: float) -> str:
    """For one stream: about so many seconds; `fix_duration` sets them."""
    return " ".join([SENTENCE] * math.ceil(seconds / SENTENCE_S))


def interleaved(
    work: Mapping[str, Callable[[], object]],
    rounds: int,
    now: Callable[[], float] = time.perf_counter,
    *,
    warm_up: bool = True,
) -> Seconds:
    """Every work once in each round, after one unmeasured round unless the caller has warmed up."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, one in work.items():
            begun = now()
            one()
            if number:
                spent[name].append(now() - begun)
                say(f"{name}: {spent[name][-1]:.4f} s")
    return {
        name: {"median_s": round(statistics.median(values), 5), "spread_s": round(max(values) - min(values), 5)}
        for name, values in spent.items()
    }


def ratio(seconds: Seconds, of: str, by: str) -> float:
    """How many times as long one takes as the other."""
    return round(seconds[of]["median_s"] / seconds[by]["median_s"], 2)


def spoken(engine: F5Engine, utterances: Sequence[Utterance], size: int) -> list[Samples]:
    """What the engine makes of them in packs of that size. Raises what any of them raised."""
    heard: list[Samples] = []
    for first in range(0, len(utterances), size):
        for outcome in engine.speak_many(utterances[first : first + size]):
            if isinstance(outcome, Exception):
                raise outcome
            heard.append(outcome)
    return heard


def pool(engine: F5Engine, voice: Reference, texts: Sequence[str], parameters: F5Parameters) -> object:
    """infer_batch_process with all texts at once, in its own thread pool, as upstream means it."""
    audio, text = engine._prepared(voice)  # noqa: SLF001 - what an engine keeps to itself
    with patch.object(engine._f5, "ThreadPoolExecutor", ThreadPoolExecutor):  # noqa: SLF001 - as above
        return next(
            engine._f5.infer_batch_process(  # noqa: SLF001 - as above
                (audio, engine.sample_rate), text, list(texts), engine._model, engine._vocoder,  # noqa: SLF001 - as above
                progress=None, nfe_step=parameters.nfe_step, device=engine._device,  # noqa: SLF001 - as above
            )
        )  # fmt: skip


def condition(engine: F5Engine, utterance: Utterance) -> Condition:
    """What the solver of a fast engine gets for an utterance."""
    fast = engine._fast  # noqa: SLF001 - what an engine keeps to itself
    assert fast is not None
    prepared = Prepared(*engine._prepared(utterance.reference))  # noqa: SLF001 - as above
    return fast._condition(utterance, prepared, fast._voice(utterance, prepared))  # noqa: SLF001 - as above


def half_distances(half: Any, truth: Any, one: Condition, steps: Sequence[int]) -> list[dict[str, Any]]:
    """
    How far both paths' mels in half precision are from float32's, all from the same noise; relative root mean squares.

    `half` and `truth` are the same CFM in both precisions, on the condition's device. None is a distance that is no number.
    """
    from engines.f5 import solver as sampler

    noise = sampler.noise(one, one.mel.half())
    rows = []
    for nfe in steps:
        guidance = Guidance(nfe, 2.0, -1.0)
        with _noise(noise), _full_float32():
            true = solved(truth, one, guidance)
        ours, theirs = solved(half, one, guidance), officially(half, one, guidance)
        rows.append({"nfe": nfe, "fast": distance(ours, true), "official": distance(theirs, true)})
        say(str(rows[-1]))
    return rows


def solved(model: Any, one: Condition, guidance: Guidance) -> Any:
    """The mel by our solver."""
    mel = Sampler(model).solve([one], guidance)[0]
    if isinstance(mel, Exception):
        raise mel
    return mel


def officially(model: Any, one: Condition, guidance: Guidance) -> Any:
    """The mel by CFM.sample, which moves texts to the device but no tokens."""
    import torch

    torch.manual_seed(one.seed)
    return model.sample(
        cond=one.mel[None],
        text=one.tokens[None].to(one.mel.device),
        duration=one.frames,
        steps=guidance.steps,
        cfg_strength=guidance.cfg_strength,
        sway_sampling_coef=guidance.sway_sampling_coef,
    )[0][0]


def is_same_draw(one: Condition) -> bool:
    """Whether our generator draws, on this device and in half precision, what upstream draws from the global one."""
    import torch

    from engines.f5 import solver as sampler

    known = one.mel.half()
    torch.manual_seed(one.seed)
    theirs = torch.randn(one.frames, known.shape[-1], device=known.device, dtype=known.dtype)
    return torch.equal(sampler.noise(one, known), theirs.float())


def distance(value: Any, truth: Any) -> float | None:
    """Root of the mean square of the difference over the truth's; None if that is no number."""
    truth = truth.float()
    far = float((value.float() - truth).square().mean().sqrt() / truth.square().mean().sqrt())
    return float(f"{far:.4g}") if math.isfinite(far) else None


@contextmanager
def _noise(noise: Any) -> Iterator[None]:
    """While this is open, every solve of ours starts from this noise."""
    from engines.f5 import solver as sampler

    original, sampler.noise = sampler.noise, lambda *_: noise.clone()
    try:
        yield
    finally:
        sampler.noise = original


@contextmanager
def _full_float32() -> Iterator[None]:
    """While this is open, a GPU's convolutions don't round float32 to TF32, as torch lets them by default."""
    from torch.backends import cudnn

    before, cudnn.allow_tf32 = cudnn.allow_tf32, False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before
