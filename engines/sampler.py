"""
F5-TTS's solver without what slows it: the official modules, the official arithmetic, an own loop.

`CFM.sample` (f5_tts/model/cfm.py) hands a function to torchdiffeq, which asks the device four times a step whether the time has
come, and keeps every state. Here: y += dt * v, and what doesn't depend on the noise is computed once. Per (steps, sway): the time
embeddings and every AdaLN modulation, which hold 41 % of the weights; per length: the rotary table; per utterance: the text
embeddings and the constant part of the input.

In float32 the result is CFM.sample's, bit for bit (tests/properties/test_sampler.py): each operation has the operands and the
shapes that it has there, and only elementwise products and sums happen in place. In half precision the time grid, the rotary
table, the modulations and the state stay in float32, as in training, and the result is nearer to the float32 one than
CFM.sample's is (docs/decisions/0017-solver.md).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")
_NO_GUIDANCE = 1e-5  # CFM.sample: below it the unguided half is not computed
_MOST_GRIDS = 4  # tables of the full-size model at 32 steps take 17 MiB in float32
_MOST_ROTATIONS = 64


@dataclass(frozen=True)
class Condition:
    """
    What is solved for: a reference's log-mel, shape [m, mels], the tokens of both texts, shape [t], the length n > m of
    reference and speech together in frames, and the noise's seed.
    """

    mel: "Tensor"
    tokens: "Tensor"
    frames: int
    seed: int


@dataclass(frozen=True)
class Guidance:
    """How it is solved: CFM.sample's arguments of these names."""

    steps: int
    cfg_strength: float
    sway_sampling_coef: float | None


def supports(model: Any) -> bool:
    """Whether the model is one whose arithmetic is known here: a DiT with torch's attention, solved with Euler's method."""
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
        self._model = model
        self._dit = model.transformer
        self._grids: _Recent[list[_Step]] = _Recent(_MOST_GRIDS)
        self._rotations: _Recent[tuple[Tensor, Tensor]] = _Recent(_MOST_ROTATIONS)

    def solve(self, condition: Condition, guidance: Guidance) -> "Tensor":
        """The log-mel of reference and speech, shape [n, mels], in the model's dtype; the condition's own where it has one."""
        import torch

        with torch.inference_mode():
            parameter = next(self._dit.parameters())
            cond = condition.mel.to(parameter.device, parameter.dtype)
            y = self._noise(condition, cond)
            inputs = self._inputs(condition, cond, is_guided=guidance.cfg_strength >= _NO_GUIDANCE)
            rotation = self._rotations.get(condition.frames, lambda: self._rotation(condition.frames))
            for step in self._grid(guidance):
                v = self._velocity(y, inputs, step, rotation)
                if len(inputs) > 1:
                    v = v[:1] + (v[:1] - v[1:]) * guidance.cfg_strength
                y += v * step.dt
            mel = y[0].to(parameter.dtype)
            mel[: len(cond)] = cond
        return mel

    def _noise(self, condition: Condition, cond: "Tensor") -> "Tensor":
        """The same draw as upstream's after `torch.manual_seed`, shape [1, n, mels], and no other generator is touched."""
        import torch

        generator = torch.Generator(cond.device).manual_seed(condition.seed)
        shape = (condition.frames, cond.shape[-1])
        return torch.randn(*shape, generator=generator, device=cond.device, dtype=cond.dtype).float()[None]

    def _inputs(self, condition: Condition, cond: "Tensor", *, is_guided: bool) -> "list[Tensor]":
        """[noise, reference, text] as `input_embed` joins them, one with all and one without; the noise is yet to be filled in."""
        import torch
        from torch.nn import functional

        mels = cond.shape[-1]
        tokens = condition.tokens.to(cond.device)[None]
        inputs = []
        for without in (False, True) if is_guided else (False,):
            text = self._dit.text_embed(tokens, seq_len=condition.frames, drop_text=without)
            known = torch.zeros_like(cond) if without else cond
            known = functional.pad(known, (0, 0, 0, condition.frames - len(cond)))[None]
            noise = known.new_zeros(1, condition.frames, mels)
            inputs.append(torch.cat((noise, known, text), dim=-1))
        return inputs

    def _velocity(
        self, y: "Tensor", inputs: "list[Tensor]", step: "_Step", rotation: "tuple[Tensor, Tensor]"
    ) -> "Tensor":
        """DiT.forward at one time, shape [with and without guidance, n, mels], float32."""
        import torch

        embed, embedded = self._dit.input_embed, []
        for one in inputs:
            one[..., : y.shape[-1]] = y
            projected = embed.proj(one)
            embedded.append(embed.conv_pos_embed(projected).add_(projected))
        x = torch.cat(embedded)
        for block, modulation in zip(self._dit.transformer_blocks, step.blocks, strict=True):
            _apply(block, x, modulation, rotation)
        scale, shift = step.final
        return self._dit.proj_out(self._dit.norm_out.norm(x).mul_(scale).add_(shift)).float()

    def _grid(self, guidance: Guidance) -> "list[_Step]":
        is_guided = guidance.cfg_strength >= _NO_GUIDANCE
        key = (guidance.steps, guidance.sway_sampling_coef, is_guided)
        return self._grids.get(key, lambda: self._steps(guidance, 2 if is_guided else 1))

    def _steps(self, guidance: Guidance, rows: int) -> "list[_Step]":
        """Raises ValueError for a sway that makes time stand still or run backwards."""
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
        return [self._step(t[i], t[i + 1] - t[i], rows) for i in range(len(t) - 1)]

    def _step(self, t: "Tensor", dt: "Tensor", rows: int) -> "_Step":
        """Everything that depends on the time alone. Computed for as many rows as upstream has: a product's last bit may hang on it."""
        embedding = self._time_embedding(t)
        emb = embedding.expand(rows, -1).contiguous()
        blocks = []
        for block in self._dit.transformer_blocks:
            shift, scale, gate, shift_ff, scale_ff, gate_ff = self._modulation(block.attn_norm, emb).chunk(6)
            blocks.append((1 + scale, shift, gate, 1 + scale_ff, shift_ff, gate_ff))
        scale, shift = self._modulation(self._dit.norm_out, emb).chunk(2)
        return _Step(dt, blocks, (1 + scale, shift))

    def _time_embedding(self, t: "Tensor") -> "Tensor":
        """Shape [1, dim], float32."""
        time_embed = self._dit.time_embed
        return _in_float32(time_embed.time_mlp, time_embed.time_embed(t.repeat(1)))

    def _modulation(self, norm: Any, emb: "Tensor") -> "Tensor":
        """Shape [parts * dim] in the model's dtype."""
        return _in_float32(norm.linear, norm.silu(emb))[0].to(norm.linear.weight.dtype)

    def _rotation(self, frames: int) -> "tuple[Tensor, Tensor]":
        """Cosine and signed sine by position, shape [n, 1, head], float32; pairs of neighbours are rotated."""
        import torch

        inv_freq = self._dit.rotary_embed.inv_freq
        if inv_freq.dtype != torch.float32:  # rounded with the weights; x_transformers' own formula gives it back
            half = torch.arange(0, len(inv_freq) * 2, 2, device=inv_freq.device).float()
            inv_freq = 1.0 / (10000.0 ** (half / (len(inv_freq) * 2)))
        angle = torch.einsum("i,j->ij", torch.arange(frames, device=inv_freq.device).float(), inv_freq)
        cosine, sine = angle.cos(), angle.sin()
        return torch.stack((cosine, cosine), -1).flatten(1)[:, None], torch.stack((-sine, sine), -1).flatten(1)[:, None]


@dataclass(frozen=True)
class _Step:
    """One step's length, and each block's (1 + scale, shift, gate) before attention and before its feed-forward, shape [dim]."""

    dt: "Tensor"
    blocks: "list[tuple[Tensor, ...]]"
    final: "tuple[Tensor, Tensor]"


def _apply(block: Any, x: "Tensor", modulation: "tuple[Tensor, ...]", rotation: "tuple[Tensor, Tensor]") -> None:
    """DiTBlock.forward, in place. x has the shape [b, n, dim]."""
    scale, shift, gate, scale_ff, shift_ff, gate_ff = modulation
    attended = _attention(block.attn, block.attn_norm.norm(x).mul_(scale).add_(shift), rotation)
    x.add_(attended.mul_(gate))
    x.add_(block.ff(block.ff_norm(x).mul_(scale_ff).add_(shift_ff)).mul_(gate_ff))


def _attention(attn: Any, x: "Tensor", rotation: "tuple[Tensor, Tensor]") -> "Tensor":
    """AttnProcessor.__call__ without a mask. Heads stay behind positions until they are attended to."""
    from torch.nn import functional

    heads = (*x.shape[:2], attn.heads, -1)
    query, key, value = attn.to_q(x).view(heads), attn.to_k(x).view(heads), attn.to_v(x).view(heads)
    query = query if attn.q_norm is None else attn.q_norm(query)
    key = key if attn.k_norm is None else attn.k_norm(key)
    some = attn.processor.pe_attn_head  # the first heads of v0 checkpoints; None is all
    query, key = _rotated(query, rotation, some), _rotated(key, rotation, some)
    query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return attn.to_out[0](attended.transpose(1, 2).reshape(*x.shape[:2], -1))


def _rotated(x: "Tensor", rotation: "tuple[Tensor, Tensor]", heads: int | None) -> "Tensor":
    """apply_rotary_pos_emb of x_transformers: (a, b) becomes (a cos - b sin, b cos + a sin). x: [b, n, heads, head]."""
    import torch

    cosine, sine = rotation
    turned = x[:, :, :heads]
    pairs = turned.unflatten(-1, (-1, 2))
    # No complex product: torch's fuses products and sums in some lanes, and the last bit would hang on the number of threads.
    swapped = torch.stack((pairs[..., 1], pairs[..., 0]), -1).flatten(-2)
    result = (turned * cosine).add_(swapped * sine).to(x.dtype)
    if heads is None:
        return result
    x[:, :, :heads] = result
    return x


def _in_float32(module: Any, x: "Tensor") -> "Tensor":
    """The module's answer with its weights in float32, whatever they are kept in."""
    import torch
    from torch.func import functional_call

    weights = {name: weight.float() for name, weight in module.named_parameters()}
    return x if not weights else functional_call(module, weights, (x.to(torch.float32),))


class _Recent(Generic[Value]):
    """The values of the keys asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        if key not in self._values:
            self._values[key] = make()
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return self._values[key]
