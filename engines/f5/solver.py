"""
A faster loop for F5-TTS's solver, with the official modules and the official arithmetic.

`CFM.sample` (f5_tts/model/cfm.py) passes a function to torchdiffeq, which synchronises with the device four times a step to compare
times, and keeps every state. Here: y += dt * v, and whatever doesn't depend on the noise is computed once. Per (steps, sway): the
time embeddings and every AdaLN modulation, which hold 41 % of the weights; per length: the rotary table; per utterance: the text
embeddings and the constant part of the input.

In float32 the result equals CFM.sample's, bit for bit (tests/properties/test_sampler.py): each operation has the same operands and
shapes, and only elementwise products and sums happen in place. In half precision the time grid, the rotary table and the state stay
in float32, as in training; the modulations are computed in float32 and rounded once. The result is nearer to the float32 one than
CFM.sample's is (docs/decisions/0017-solver.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloning.ports import keep_going
from engines.f5.block import apply_block
from engines.f5.fused import FusedBlocks
from engines.f5.packs import Pack
from engines.f5.rotary import Rotation, rotation
from engines.f5.tables import Step, is_half, steps_at
from engines.lru import LruCache

if TYPE_CHECKING:
    from torch import Tensor

_NO_GUIDANCE = 1e-5  # CFM.sample: below it the unguided half is not computed
_MOST_GRIDS = 4  # tables of the full-size model at 32 steps take 17 MiB in float32
_MOST_ROTATIONS = 64


@dataclass(frozen=True)
class Condition:
    """
    One utterance's input: a reference's log-mel, shape [m, mels], the tokens of both texts, shape [t], the length n > m of
    reference and speech together in frames, the noise's seed, and a callback before each step, which may raise to stop.
    """

    mel: "Tensor"
    tokens: "Tensor"
    frames: int
    seed: int
    before_step: Callable[[], None] = keep_going


@dataclass(frozen=True)
class Guidance:
    """The solver's options: CFM.sample's arguments of these names."""

    steps: int
    cfg_strength: float
    sway_sampling_coef: float | None

    @property
    def is_guided(self) -> bool:
        """Whether the unconditioned half is computed too."""
        return self.cfg_strength >= _NO_GUIDANCE


def supports(model: Any) -> bool:
    """Whether this solver reproduces the model's arithmetic: a DiT with torch's attention, solved with Euler's method."""
    from f5_tts.model import DiT

    dit = model.transformer
    if type(dit) is not DiT or dit.long_skip_connection is not None or dit.rotary_embed.scale is not None:
        return False
    if model.odeint_kwargs != {"method": "euler"} or dit.rotary_embed.interpolation_factor != 1.0:
        return False
    return all(block.attn.processor.attn_backend == "torch" for block in dit.transformer_blocks)


class Sampler:
    """Solves for a model that `supports` accepts. Keeps tables for the last few step counts and lengths. Without `fused` it uses torch's operations alone."""

    def __init__(self, model: Any, fused: FusedBlocks | None = None) -> None:
        self._dit = model.transformer
        self._fused = fused
        self._grids: LruCache[list[Step]] = LruCache(_MOST_GRIDS)
        self._rotations: LruCache[Rotation] = LruCache(_MOST_ROTATIONS)

    @property
    def is_half(self) -> bool:
        """Whether the model isn't in float32."""
        return is_half(self._dit)

    def forget(self) -> None:
        """Drop every table, as when the weights leave the device."""
        self._grids.clear()
        self._rotations.clear()
        if self._fused:
            self._fused.forget()

    def solve(
        self, conditions: "Sequence[Condition]", guidance: Guidance, *, is_frugal: bool = False
    ) -> "list[Tensor | Exception]":
        """
        Each utterance's log-mel of reference and speech, shape [n, mels], in the model's dtype; or what its `before_step` raised.

        Utterances solved together differ only in rounding. `is_frugal` computes the conditioned and the unconditioned half one after
        the other, with half the activation memory. Raises ValueError for a sway that runs backwards. Thread-safe.
        """
        import torch

        copies = 2 if guidance.is_guided else 1
        halves = [slice(one, one + 1) for one in range(copies)] if is_frugal else [slice(copies)]
        with torch.inference_mode():
            runs = [self._begin(condition, guidance) for condition in conditions]
            packs: dict[int, Pack] = {}  # by the number of runs that go on: it only falls
            for step in self.grid(guidance):
                if going := [run for run in runs if run.goes_on()]:
                    if len(going) not in packs:
                        packs[len(going)] = self._pack(going, copies // len(halves), is_frugal=is_frugal)
                    flows = [self._flows(going, half, packs[len(going)], step) for half in halves]
                    _advance(going, flows, guidance, step)
            return [run.outcome() for run in runs]

    def velocities(self, conditions: "Sequence[Condition]", time: float) -> "list[Tensor]":
        """What the model makes of each utterance's noise at this time, with guidance: float32, shape [2, n, mels]. For the proof."""
        import torch

        with torch.inference_mode():
            runs = [self._begin(condition, Guidance(1, 1.0, None)) for condition in conditions]
            (step,) = steps_at(self._dit, [torch.tensor(time, device=runs[0].y.device)], [runs[0].y.new_ones(())], 2)
            return self._flows(runs, slice(2), self._pack(runs, 2), step)

    def use_grid(self, guidance: Guidance, times: Sequence[float]) -> None:
        """Solve with these times, from 0 to 1, where so many steps with this guidance are asked for. For the proof."""
        import torch

        device = next(self._dit.parameters()).device
        with torch.inference_mode():
            t = torch.tensor(times, device=device)
            steps = steps_at(self._dit, list(t[:-1]), list(t[1:] - t[:-1]), 2 if guidance.is_guided else 1)
        key = (guidance.steps, guidance.sway_sampling_coef, guidance.is_guided)
        self._grids.get(key, lambda: steps)

    def _pack(self, runs: "list[_Run]", copies: int, *, is_frugal: bool = False) -> Pack:
        has_bounds = self._fused is not None and not is_frugal and len(runs) > 1
        return Pack.of([run.rotation for run in runs], copies, has_bounds=has_bounds)

    def _begin(self, condition: Condition, guidance: Guidance) -> "_Run":
        parameter = next(self._dit.parameters())
        known = condition.mel.to(parameter.device, parameter.dtype)
        inputs = self._inputs(condition, known, is_guided=guidance.is_guided)
        table = self._rotations.get(condition.frames, lambda: rotation(self._dit, condition.frames))
        return _Run(condition.before_step, known, inputs, table, noise(condition, known))

    def _inputs(self, condition: Condition, known: "Tensor", *, is_guided: bool) -> "Tensor":
        """
        [noise, reference, text] as `input_embed` joins them: shape [1 or 2, n, features].

        With guidance the second row has neither reference nor text. The noise is filled in later.
        """
        import torch
        from torch.nn.functional import pad

        tokens = condition.tokens.to(known.device)[None]
        inputs = []
        for without in (False, True) if is_guided else (False,):
            text = self._dit.text_embed(tokens, seq_len=condition.frames, drop_text=without)
            heard = pad(torch.zeros_like(known) if without else known, (0, 0, 0, condition.frames - len(known)))[None]
            inputs.append(torch.cat((torch.zeros_like(heard), heard, text), dim=-1))
        return torch.cat(inputs)

    def _flows(self, runs: "list[_Run]", half: slice, pack: Pack, step: "Step") -> "list[Tensor]":
        """DiT.forward at one time, for this part of each run's inputs: float32, shape [copies, n, mels] for each run."""
        import torch

        x = torch.cat([self._embedded(run.inputs[half], run.y) for run in runs])
        normed = self._fused(x, step, pack) if self._fused else self._through_blocks(x, step, pack)
        flow = self._dit.proj_out(normed).float()
        return [part.view(pack.copies, -1, part.shape[-1]) for part in pack.parts(flow)]

    def _through_blocks(self, x: "Tensor", step: "Step", pack: Pack) -> "Tensor":
        for block, modulation in zip(self._dit.transformer_blocks, step.blocks, strict=True):
            apply_block(block, x, modulation, pack)
        scale, shift = step.final
        normed: Tensor = self._dit.norm_out.norm(x).mul_(scale).add_(shift)
        return normed

    def _embedded(self, known: "Tensor", y: "Tensor") -> "Tensor":
        """InputEmbedding.forward, shape [copies * n, dim]; the state replaces the noise."""
        embed = self._dit.input_embed
        known[..., : y.shape[-1]] = y
        projected = embed.proj(known)
        embedded: Tensor = embed.conv_pos_embed(projected).add_(projected)
        return embedded.flatten(0, 1)

    def grid(self, guidance: Guidance) -> "list[Step]":
        """The steps, made at the first use. Raises ValueError for a sway that makes time stand still or run backwards."""
        key = (guidance.steps, guidance.sway_sampling_coef, guidance.is_guided)
        return self._grids.get(key, lambda: self._steps(guidance, 2 if guidance.is_guided else 1))

    def _steps(self, guidance: Guidance, rows: int) -> "list[Step]":
        """The steps of a grid. Raises ValueError for a sway that makes time stand still or run backwards."""
        import torch
        from f5_tts.model.utils import get_epss_timesteps

        parameter = next(self._dit.parameters())
        t = get_epss_timesteps(guidance.steps, device=parameter.device, dtype=torch.float32)
        if guidance.sway_sampling_coef is not None:
            t = t + guidance.sway_sampling_coef * (torch.cos(torch.pi / 2 * t) - 1 + t)
        if not bool((t[1:] > t[:-1]).all()):
            raise ValueError(
                f"{guidance.steps} steps with a sway of {guidance.sway_sampling_coef} don't run forwards in time"
            )
        return steps_at(self._dit, list(t[:-1]), list(t[1:] - t[:-1]), rows)


@dataclass
class _Run:
    """One utterance being solved: its known mel, its state y of shape [n, mels] in float32, and what stopped it."""

    before_step: Callable[[], None]
    known: "Tensor"
    inputs: "Tensor"
    rotation: Rotation
    y: "Tensor"
    failure: Exception | None = None

    def goes_on(self) -> bool:
        """Whether the utterance goes on; asks its `before_step`."""
        if self.failure is None:
            try:
                self.before_step()
            except Exception as error:  # noqa: BLE001 - raised later in its caller; the others go on
                self.failure = error
                self.inputs = self.y = self.y.new_empty(0)  # the error's traceback would keep this run alive
        return self.failure is None

    def outcome(self) -> "Tensor | Exception":
        if self.failure is not None:
            return self.failure
        mel = self.y.to(self.known.dtype)
        mel[: len(self.known)] = self.known
        return mel


def _advance(runs: "list[_Run]", flows: "list[list[Tensor]]", guidance: Guidance, step: Step) -> None:
    """Take one step of Euler's method; `flows` holds both halves together, or one after the other."""
    for run, parts in zip(runs, zip(*flows, strict=True), strict=True):
        flow = [one for part in parts for one in part]
        v = flow[0] + (flow[0] - flow[1]) * guidance.cfg_strength if guidance.is_guided else flow[0]
        run.y += v * step.dt


def noise(condition: Condition, known: "Tensor") -> "Tensor":
    """Draw the noise that upstream draws after `torch.manual_seed`, shape [n, mels] in float32; no global generator is used."""
    import torch

    generator = torch.Generator(known.device).manual_seed(condition.seed)
    shape = (condition.frames, known.shape[-1])
    return torch.randn(*shape, generator=generator, device=known.device, dtype=known.dtype).float()
