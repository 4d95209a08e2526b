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
from engines.f5.packed import Modulation, Pack, Rotation, apply_block
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
    """Solves for a model that `supports` accepts. Keeps tables for the last few step counts and lengths."""

    def __init__(self, model: Any) -> None:
        self._dit = model.transformer
        self._grids: LruCache[list[_Step]] = LruCache(_MOST_GRIDS)
        self._rotations: LruCache[Rotation] = LruCache(_MOST_ROTATIONS)

    @property
    def is_half(self) -> bool:
        """Whether the model isn't in float32."""
        return str(self._dit.proj_out.weight.dtype) != "torch.float32"

    def forget(self) -> None:
        """Drop every table, as when the weights leave the device."""
        self._grids.clear()
        self._rotations.clear()

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
            for step in self._grid(guidance):
                if going := [run for run in runs if run.goes_on()]:
                    if len(going) not in packs:
                        packs[len(going)] = Pack.of([run.rotation for run in going], copies // len(halves))
                    flows = [self._flows(going, half, packs[len(going)], step) for half in halves]
                    _advance(going, flows, guidance, step)
            return [run.outcome() for run in runs]

    def _begin(self, condition: Condition, guidance: Guidance) -> "_Run":
        parameter = next(self._dit.parameters())
        known = condition.mel.to(parameter.device, parameter.dtype)
        inputs = self._inputs(condition, known, is_guided=guidance.is_guided)
        rotation = self._rotations.get(condition.frames, lambda: self._rotation(condition.frames))
        return _Run(condition.before_step, known, inputs, rotation, _noise(condition, known))

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

    def _flows(self, runs: "list[_Run]", half: slice, pack: Pack, step: "_Step") -> "list[Tensor]":
        """DiT.forward at one time, for this part of each run's inputs: float32, shape [copies, n, mels] for each run."""
        import torch

        x = torch.cat([self._embedded(run.inputs[half], run.y) for run in runs])
        for block, modulation in zip(self._dit.transformer_blocks, step.blocks, strict=True):
            apply_block(block, x, modulation, pack)
        scale, shift = step.final
        flow = self._dit.proj_out(self._dit.norm_out.norm(x).mul_(scale).add_(shift)).float()
        return [part.view(pack.copies, -1, part.shape[-1]) for part in pack.parts(flow)]

    def _embedded(self, known: "Tensor", y: "Tensor") -> "Tensor":
        """InputEmbedding.forward, shape [copies * n, dim]; the state replaces the noise."""
        embed = self._dit.input_embed
        known[..., : y.shape[-1]] = y
        projected = embed.proj(known)
        embedded: Tensor = embed.conv_pos_embed(projected).add_(projected)
        return embedded.flatten(0, 1)

    def _grid(self, guidance: Guidance) -> "list[_Step]":
        key = (guidance.steps, guidance.sway_sampling_coef, guidance.is_guided)
        return self._grids.get(key, lambda: self._steps(guidance, 2 if guidance.is_guided else 1))

    def _steps(self, guidance: Guidance, rows: int) -> "list[_Step]":
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
        return self._at(list(t[:-1]), list(t[1:] - t[:-1]), rows)

    def _at(self, times: "list[Tensor]", dts: "list[Tensor]", rows: int) -> "list[_Step]":
        """The values that depend only on the time, computed for upstream's number of rows: a product's last bit may depend on it."""
        time_embed = self._dit.time_embed
        embeddings = _in_float32(time_embed.time_mlp, [time_embed.time_embed(t.repeat(1)) for t in times])
        embs = [embedding.expand(rows, -1).contiguous() for embedding in embeddings]
        blocks = [
            [
                (1 + scale, shift, gate, 1 + scale_ff, shift_ff, gate_ff)
                for shift, scale, gate, shift_ff, scale_ff, gate_ff in each
            ]
            for each in (_modulations(block.attn_norm, embs, 6) for block in self._dit.transformer_blocks)
        ]
        final = [(1 + scale, shift) for scale, shift in _modulations(self._dit.norm_out, embs, 2)]
        return [
            _Step(dt, list(of_step), last)
            for dt, of_step, last in zip(dts, zip(*blocks, strict=True), final, strict=True)
        ]

    def _rotation(self, frames: int) -> Rotation:
        import torch

        inv_freq = self._dit.rotary_embed.inv_freq
        if inv_freq.dtype != torch.float32:  # rounded with the weights; x_transformers' own formula restores it
            half = torch.arange(0, len(inv_freq) * 2, 2, device=inv_freq.device).float()
            inv_freq = 1.0 / (10000.0 ** (half / (len(inv_freq) * 2)))
        angle = torch.einsum("i,j->ij", torch.arange(frames, device=inv_freq.device).float(), inv_freq)
        cosine, sine = angle.cos(), angle.sin()
        return cosine.repeat_interleave(2, dim=1)[:, None], torch.complex(torch.zeros_like(sine), sine)[:, None]


@dataclass(frozen=True)
class _Step:
    """One step's length, each block's modulation, and the last one's (1 + scale, shift)."""

    dt: "Tensor"
    blocks: list[Modulation]
    final: "tuple[Tensor, Tensor]"


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


def _advance(runs: "list[_Run]", flows: "list[list[Tensor]]", guidance: Guidance, step: _Step) -> None:
    """Take one step of Euler's method; `flows` holds both halves together, or one after the other."""
    for run, parts in zip(runs, zip(*flows, strict=True), strict=True):
        flow = [one for part in parts for one in part]
        v = flow[0] + (flow[0] - flow[1]) * guidance.cfg_strength if guidance.is_guided else flow[0]
        run.y += v * step.dt


def _noise(condition: Condition, known: "Tensor") -> "Tensor":
    """Draw the noise that upstream draws after `torch.manual_seed`, shape [n, mels] in float32; no global generator is used."""
    import torch

    generator = torch.Generator(known.device).manual_seed(condition.seed)
    shape = (condition.frames, known.shape[-1])
    return torch.randn(*shape, generator=generator, device=known.device, dtype=known.dtype).float()


def _modulations(norm: Any, embs: "Sequence[Tensor]", parts: int) -> "list[tuple[Tensor, ...]]":
    """For each time: `parts` tensors of shape [dim], computed in float32, in the model's dtype."""
    dtype = norm.linear.weight.dtype
    return [one[0].to(dtype).chunk(parts) for one in _in_float32(norm.linear, [norm.silu(emb) for emb in embs])]


def _in_float32(module: Any, inputs: "Sequence[Tensor]") -> "list[Tensor]":
    """The module's outputs with its weights cast to float32, once for all inputs."""
    import torch
    from torch.func import functional_call

    weights = {name: weight.float() for name, weight in module.named_parameters()}
    return [functional_call(module, weights, (x.to(torch.float32),)) for x in inputs]
