"""Faults of the fast solver, each of which its proof must find: patches, and what the proof says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from engines.f5 import block, packs, rotary, solver, tables

if TYPE_CHECKING:
    from torch import Tensor

Patch = Callable[[pytest.MonkeyPatch], None]


def _one_head_is_not_rotated(patch: pytest.MonkeyPatch) -> None:
    rotated = rotary.rotated

    def faulty(x: "Tensor", table: Any, heads: int | None) -> "Tensor":
        last = x[:, -1:].clone()
        x = rotated(x, table, heads)
        x[:, -1:] = last
        return x

    patch.setattr(rotary, "rotated", faulty)


def _keys_are_a_frame_off(patch: pytest.MonkeyPatch) -> None:
    rotated, calls = rotary.rotated, list[int]()

    def faulty(x: "Tensor", table: Any, heads: int | None) -> "Tensor":
        calls.append(1)
        cosine, sine = table
        return rotated(x, table if len(calls) % 2 else (cosine.roll(1, 0), sine.roll(1, 0)), heads)

    patch.setattr(rotary, "rotated", faulty)


def _a_row_is_stale(patch: pytest.MonkeyPatch) -> None:
    apply = block.apply_block

    def faulty(one: Any, x: "Tensor", *rest: Any) -> None:
        apply(one, x, *rest)
        x[10] = x[11]

    patch.setattr(solver, "apply_block", faulty)


def _the_halves_see_each_other(patch: pytest.MonkeyPatch) -> None:
    from torch.nn.functional import scaled_dot_product_attention

    def faulty(*inputs: Any) -> "Tensor":
        query, key, value = (one[None].transpose(1, 2) for one in inputs[:3])
        return scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(query.shape[2], -1)

    patch.setattr(block, "attend", faulty)


def _utterances_see_each_other(patch: pytest.MonkeyPatch) -> None:
    """Only a pack shows it."""
    attended = block.attend

    def faulty(query: Any, key: Any, value: Any, pack: packs.Pack) -> "Tensor":
        whole = replace(pack, frames=(sum(pack.frames),)) if len(pack.frames) > 1 else pack
        return attended(query, key, value, whole)

    patch.setattr(block, "attend", faulty)


def _a_gate_is_open(patch: pytest.MonkeyPatch) -> None:
    apply, calls = block.apply_block, list[int]()

    def faulty(one: Any, x: "Tensor", modulation: Any, pack: Any) -> None:
        calls.append(1)
        opened = (*modulation[:5], modulation[5].new_ones(()).expand_as(modulation[5]))
        apply(one, x, modulation if len(calls) % 2 else opened, pack)

    patch.setattr(solver, "apply_block", faulty)


def _changed_inputs(change: Callable[[Any], Any]) -> Patch:
    def faulty(patch: pytest.MonkeyPatch) -> None:
        inputs = solver.Sampler._inputs
        patch.setattr(
            solver.Sampler, "_inputs", lambda self, one, known, **rest: inputs(self, *change((one, known)), **rest)
        )

    return faulty


def _another_token(given: Any) -> Any:
    one, known = given
    tokens = one.tokens.clone()
    tokens[1] = (tokens[1] + 7) % 200
    return replace(one, tokens=tokens), known


def _a_late_reference(given: Any) -> Any:
    one, known = given
    return one, known.roll(1, 0)


def _another_time(patch: pytest.MonkeyPatch) -> None:
    steps_at = tables.steps_at
    patch.setattr(solver, "steps_at", lambda dit, times, *rest: steps_at(dit, [time + 0.01 for time in times], *rest))


def _another_guidance(patch: pytest.MonkeyPatch) -> None:
    advance = solver._advance
    patch.setattr(
        solver,
        "_advance",
        lambda runs, flows, guidance, step: advance(runs, flows, replace(guidance, cfg_strength=1.9), step),
    )


def _another_grid(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        solver,
        "steps_at",
        lambda dit, times, dts, rows: tables.steps_at(dit, times, [dt.half().float() for dt in dts], rows),
    )


def _another_draw(patch: pytest.MonkeyPatch) -> None:
    draw = solver.noise
    patch.setattr(solver, "noise", lambda one, known: draw(replace(one, seed=one.seed + 1), known))


def _no_number(patch: pytest.MonkeyPatch) -> None:
    apply = block.apply_block

    def faulty(one: Any, x: "Tensor", *rest: Any) -> None:
        apply(one, x, *rest)
        x[3, 3] = float("inf")

    patch.setattr(solver, "apply_block", faulty)


FAULTS: dict[str, tuple[Patch, str]] = {
    "one head is not rotated": (_one_head_is_not_rotated, "velocity"),
    "keys are a frame off": (_keys_are_a_frame_off, "velocity"),
    "a row is stale": (_a_row_is_stale, "velocity"),
    "the halves see each other": (_the_halves_see_each_other, "velocity"),
    "utterances see each other": (_utterances_see_each_other, "velocity"),
    "a gate is open": (_a_gate_is_open, "velocity"),
    "another token": (_changed_inputs(_another_token), "velocity"),
    "a late reference": (_changed_inputs(_a_late_reference), "velocity"),
    "another time": (_another_time, "velocity"),
    "guidance 1.9": (_another_guidance, "steps"),
    "another grid": (_another_grid, "time grid"),
    "another draw": (_another_draw, "noise"),
    "no number": (_no_number, "velocity: no number"),
}


@contextmanager
def fault(name: str) -> Iterator[str]:
    """While this is open the solver has the fault; yields what the proof says of it."""
    faulty, says = FAULTS[name]
    with pytest.MonkeyPatch.context() as patch:
        faulty(patch)
        yield says
