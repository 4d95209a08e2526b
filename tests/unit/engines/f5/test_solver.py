"""The own solver against CFM.sample, on every kind of DiT that f5-tts can build."""

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cloning.errors import CheckpointUnusable
from engines.f5 import solver as sampler_module
from engines.f5.fast import make_fast
from engines.f5.solver import Condition, Guidance, Sampler, supports
from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH

if TYPE_CHECKING:
    from torch import Tensor

VOCAB = {chr(code): code - 32 for code in range(32, 127)}
GUIDANCE = Guidance(4, 2.0, -1.0)
HALF_BOUND = 0.004  # of the mel's own size, both as root mean squares


def make_model(backbone: str = "DiT", **changes: Any) -> Any:
    """A random model of f5_tts whose output depends on everything, float32 on the CPU."""
    import_f5()
    import f5_tts.model
    import torch

    torch.manual_seed(0)
    arch = TINY_ARCH | changes
    transformer = getattr(f5_tts.model, backbone)(**arch, text_num_embeds=len(VOCAB), mel_dim=100)
    for parameter in transformer.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 / parameter.shape[1] ** 0.5)
    return f5_tts.model.CFM(
        transformer=transformer,
        mel_spec_kwargs={"n_mel_channels": 100},
        odeint_kwargs={"method": "euler"},
        vocab_char_map=VOCAB,
    ).eval()


def condition(frames: int = 60, *, seed: int = 3) -> Condition:
    import torch

    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(24, 100, generator=generator)
    return Condition(mel, torch.tensor([VOCAB[one] for one in "Some call me. Hello"]), frames, seed)


def officially(model: Any, one: Condition, guidance: Guidance) -> "Tensor":
    """What CFM.sample makes of it."""
    import torch

    torch.manual_seed(one.seed)
    sampled: Tensor = model.sample(
        cond=one.mel[None],
        text=one.tokens[None],
        duration=one.frames,
        steps=guidance.steps,
        cfg_strength=guidance.cfg_strength,
        sway_sampling_coef=guidance.sway_sampling_coef,
    )[0][0]
    return sampled


def solved(model: Any, one: Condition, guidance: Guidance, **options: bool) -> "Tensor":
    outcome = Sampler(model).solve([one], guidance, **options)[0]
    assert not isinstance(outcome, Exception)
    return outcome


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pe_attn_head": 1, "text_mask_padding": False},
        {"qk_norm": "rms_norm"},
        {"text_embedding_average_upsampling": True},
        {"conv_layers": 0},
        {"heads": 1, "depth": 3, "ff_mult": 4},
    ],
    ids=["v1", "v0", "qk_norm", "upsampling", "plain text", "shape"],
)
def test_every_architecture_gives_the_official_mel(changes: dict[str, Any]) -> None:
    """Bit for bit in float32, with and without guidance and sway."""
    import torch

    model = make_model(**changes)

    for guidance in (GUIDANCE, Guidance(3, 0.0, None), Guidance(16, 1.5, 0.4)):
        assert torch.equal(solved(model, condition(), guidance), officially(model, condition(), guidance))


def test_more_steps_and_other_lengths_reuse_nothing_wrong() -> None:
    """One sampler, its tables kept and thrown away, gives what a new one gives."""
    import torch

    model = make_model()
    sampler = Sampler(model)
    asked = [(condition(50 + n % 3), Guidance(1 + n % 6, float(n % 2), -1.0)) for n in range(14)]

    for one, guidance in asked:
        kept = sampler.solve([one], guidance)[0]
        assert isinstance(kept, torch.Tensor)
        assert torch.equal(kept, solved(model, one, guidance))


def test_the_halves_of_guidance_may_be_solved_one_after_the_other() -> None:
    """Where memory is short: the same mel but for rounding."""
    import torch

    model = make_model()

    torch.testing.assert_close(
        solved(model, condition(), GUIDANCE, is_frugal=True), solved(model, condition(), GUIDANCE), rtol=1e-4, atol=1e-4
    )


def test_in_half_precision_it_is_nearer_to_the_truth_than_the_official_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Time, rotation, modulation and state stay in float32. All start from the noise that is drawn in half precision.

    The bound is three times what was measured; benchmarks/solver.py prints both distances for more steps.
    """
    model = make_model().half()
    one, guidance = condition(400), Guidance(8, 2.0, -1.0)
    noise = sampler_module.noise(one, one.mel.half())
    fast, official = solved(model, one, guidance), officially(model, one, guidance)
    with monkeypatch.context() as patch:
        patch.setattr(sampler_module, "noise", lambda *_: noise.clone())
        truth = solved(make_model(), one, guidance)

    assert distance(fast, truth) < distance(official, truth)
    assert distance(fast, truth) < HALF_BOUND


def test_in_half_precision_the_tables_are_a_product_per_layer() -> None:
    """Of all times at once: on a GPU each product is a launch, and 32 steps would have some 740 of them."""
    from torch.utils._python_dispatch import TorchDispatchMode

    model = make_model().half()
    products: list[str] = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            products.append(func.__name__.partition(".")[0])
            return func(*args, **(kwargs or {}))

    with Products():
        Sampler(model).grid(Guidance(32, 2.0, -1.0))

    layers = len(model.transformer.transformer_blocks) + 1
    assert products.count("addmm") == layers + 2  # the time's own two


def test_in_half_precision_company_changes_rounding_alone() -> None:
    """Products run over all rows of a pack there; in float32 each is solved by itself (tests/properties/test_sampler.py)."""
    model = make_model().half()
    company = [condition(60, seed=3), condition(75, seed=4), condition(41, seed=5)]

    together = Sampler(model).solve(company, GUIDANCE)

    for one, mel in zip(company, together, strict=True):
        assert not isinstance(mel, Exception)
        assert distance(mel, solved(model, one, GUIDANCE).float()) < HALF_BOUND


def distance(mel: "Tensor", truth: "Tensor") -> float:
    """Root of the mean square, over the root of the truth's."""
    return float((mel.float() - truth).square().mean().sqrt() / truth.square().mean().sqrt())


def test_who_stops_lets_go_of_its_memory_while_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it raised keeps its place in the answer, and none of its tensors on the device."""
    begin, held = Sampler._begin, list["weakref.ref[Tensor]"]()
    calls, left = list[int](), list[bool]()

    def watched(sampler: Sampler, one: Condition, guidance: Guidance) -> Any:
        run = begin(sampler, one, guidance)
        if one.before_step is stop:
            held.extend(weakref.ref(tensor) for tensor in (run.inputs, run.y))
        return run

    def stop() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise InterruptedError("enough")

    monkeypatch.setattr(Sampler, "_begin", watched)
    stops, goes_on = replace(condition(), before_step=stop), condition()
    look = replace(goes_on, before_step=lambda: left.append(any(one() is not None for one in held)))
    failure, _ = Sampler(make_model()).solve([stops, look], GUIDANCE)

    assert isinstance(failure, InterruptedError)
    assert (len(held), left) == (2, [True, False, False, False])


def test_noise_leaves_the_global_generator_alone() -> None:
    """Other users of the generator in this process draw the same."""
    import torch

    model = make_model()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)

    solved(model, condition(), GUIDANCE)

    assert torch.equal(torch.rand(1), expected)


def test_these_numbers_of_steps_have_a_pruned_grid() -> None:
    """As docs/speech.md says: the others lie on an even one, and are worse value than the next one below."""
    import_f5()
    import torch
    from f5_tts.model.utils import get_epss_timesteps

    grids = {count: get_epss_timesteps(count, device="cpu", dtype=torch.float32) for count in range(1, 65)}
    pruned = [count for count, grid in grids.items() if not torch.equal(grid, torch.linspace(0, 1, count + 1))]

    assert pruned == [5, 6, 7, 10, 12, 16]


def test_half_precision_rounds_upstreams_grid() -> None:
    """As docs/speech.md says of `ultra_quality`: at 64 steps one is 62 % off."""
    import_f5()
    import torch
    from f5_tts.model.utils import get_epss_timesteps

    def steps(count: int, dtype: Any) -> "Tensor":
        t = get_epss_timesteps(count, device="cpu", dtype=dtype)
        t = t - (torch.cos(torch.pi / 2 * t) - 1 + t)
        lengths: Tensor = t.float().diff()
        return lengths

    worst = {
        n: float((steps(n, torch.float16) / steps(n, torch.float32) - 1).abs().max()) for n in (7, 12, 16, 32, 48, 64)
    }

    assert {count: round(off, 2) for count, off in worst.items()} == {
        7: 0.02,
        12: 0.02,
        16: 0.19,
        32: 0.19,
        48: 0.1,
        64: 0.62,
    }


def test_time_runs_forwards() -> None:
    """A sway that turns it round is refused, as torchdiffeq refuses it."""
    with pytest.raises(ValueError, match="forwards in time"):
        Sampler(make_model()).solve([condition()], Guidance(8, 2.0, 3.0))


def test_another_backbone_keeps_the_official_path() -> None:
    """'auto' is silent about it, 'fast' says what it knows, 'official' is always there."""
    arch = {"dim": 64, "depth": 2, "heads": 2, "ff_mult": 2}
    import_f5()
    import f5_tts.model

    model = f5_tts.model.CFM(transformer=f5_tts.model.UNetT(**arch, text_num_embeds=len(VOCAB), mel_dim=100))

    assert not supports(model)
    assert make_fast("auto", None, model, None, checkpoint="unet") is None
    with pytest.raises(CheckpointUnusable, match="SAMPLER=auto"):
        make_fast("fast", None, model, None, checkpoint="unet")


def test_auto_is_fast_only_where_the_samples_are_proved_equal() -> None:
    """Float32 on a CPU; in half precision the official path speaks unless 'fast' is asked for."""
    model = make_model()

    assert make_fast("auto", None, model, None, checkpoint="tiny") is not None
    assert make_fast("official", None, model, None, checkpoint="tiny") is None
    assert make_fast("auto", None, model.half(), None, checkpoint="tiny") is None
    assert make_fast("fast", None, model, None, checkpoint="tiny") is not None
