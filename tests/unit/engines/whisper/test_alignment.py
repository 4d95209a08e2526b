"""The cheapest way through an attention, and what becomes of it."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from cloning.ports import Alignment, Unaligned
from engines.whisper.alignment import Aligner, Chances, Text, laid_over
from engines.whisper.warping import Matrix, token_starts, warp


def cost_of(starts: tuple[int, ...], cost: Matrix) -> float:
    """The cheapest path whose rows begin at these columns: each ends where the next one begins, or just before."""
    total = float(cost[-1, starts[-1] :].sum())
    for row, (start, following) in enumerate(itertools.pairwise(starts)):
        shared = cost[row, start : following + 1].sum()
        apart = cost[row, start:following].sum() if following > start else np.inf
        total += float(min(shared, apart))
    return total


def test_the_path_is_the_cheapest() -> None:
    """Of every path through small random matrices."""
    chance = np.random.default_rng(0)
    for _ in range(20):
        cost = chance.standard_normal((3, 5))

        starts = warp(cost)

        ways = [(0, *way) for way in itertools.combinations_with_replacement(range(5), 2)]
        assert cost_of(tuple(starts), cost) <= min(cost_of(way, cost) for way in ways) + 1e-9


def test_a_clear_diagonal_is_followed() -> None:
    """Each token begins where the heads turn to it."""
    attention = np.full((2, 4, 40), 0.001)
    for row in range(4):
        attention[:, row, row * 10 : row * 10 + 10] = 0.1

    assert token_starts(attention) == [0, 10, 20, 30]


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_more_tokens_than_frames_are_no_failure(frames: int) -> None:
    """A cut-off sound may be shorter than its text."""
    starts = token_starts(np.full((1, 6, frames), 1 / frames))

    assert starts == sorted(starts)
    assert max(starts) < frames


def laid(heard: Matrix, expected: Matrix) -> Alignment:
    text = Text("go on go", tokens=[5, 6, 5], spans=[(0, 2), (3, 5), (6, 8)], end=9)
    attention = np.full((1, 4, 40), 0.01)
    for row in range(4):
        attention[0, row, 10 * row : 10 * row + 10] = 1
    return laid_over(text, Chances(heard, heard.max(1)), Chances(expected, expected.max(1)), attention, "made up")


def test_each_token_has_its_chance_and_the_best_one_beside_it() -> None:
    """Row by row; the end token is the last row's."""
    heard = np.log(np.full((4, 4), 0.1))
    heard[1] = np.log([0.6, 0.2, 0.6, 0.1])

    alignment = laid(heard, heard)

    assert alignment.tokens[1].log_probability == pytest.approx(np.log(0.2))
    assert alignment.tokens[1].best == pytest.approx(np.log(0.6))
    assert (alignment.end.text_start, alignment.end.text_end) == (8, 8)
    assert [token.start for token in alignment.tokens] == pytest.approx([0.0, 0.2, 0.4])
    assert len(alignment.attended) == 40


def test_a_word_that_begins_again_is_told_beside_what_the_text_alone_expects() -> None:
    """Of the word just said; what may come next anyway is no return."""
    heard, expected = np.log(np.full((4, 4), 0.01)), np.log(np.full((4, 4), 0.001))
    heard[1, 0] = np.log(0.5)
    heard[3, 1] = np.log(0.25)

    alignment = laid(heard, expected)

    assert (alignment.tokens[1].again, alignment.tokens[1].again_by_text) == pytest.approx((np.log(0.5), np.log(0.001)))
    assert alignment.tokens[2].again == pytest.approx(np.log(0.01))
    assert alignment.end.back == pytest.approx(np.log(250))


def test_a_primer_is_each_word_twice_out_of_order() -> None:
    """Without punctuation, and no longer than there is room."""
    text = Text("Go on, go.", tokens=[5, 6, 7, 5, 8], spans=[(0, 2), (3, 5), (5, 6), (7, 9), (9, 10)], end=9)

    primers = [aligner()._primer(text, room) for room in (100, 4)]

    assert primers == [[264, 6, 6, 5, 5, 5, 5, 264], [264, 6, 6, 5]]


def test_signs_of_a_script_without_spaces_are_words_of_their_own() -> None:
    """So a primer says each of them twice."""
    text = Text("你好。", tokens=[5, 6, 7], spans=[(0, 1), (1, 2), (2, 3)], end=9)

    assert text.words() == [[5], [6]]


CONFIG = {
    "alignment_heads": [[1, 0]],
    "is_multilingual": True,
    "decoder_start_token_id": 1,
    "no_timestamps_token_id": 4,
    "eos_token_id": 9,
    "lang_to_id": {"<|pt|>": 2},
    "task_to_id": {"transcribe": 3},
}


def aligner(spelling: tuple[int, ...] = (264,), **changes: object) -> Aligner:
    """Of a recogniser of two layers and two heads, whose tokenizer encodes " the" as `spelling`."""
    tokenizer = SimpleNamespace(convert_tokens_to_ids=lambda _: 264, encode=lambda *_, **__: list(spelling))
    model = SimpleNamespace(
        config=SimpleNamespace(decoder_layers=2, decoder_attention_heads=2),
        generation_config=SimpleNamespace(**{**CONFIG, **changes}),
        detect_language=lambda **_: [2],
    )
    return Aligner(model, tokenizer, "made up")


@pytest.mark.parametrize(
    ("recogniser", "reason"),
    [
        (aligner(), None),
        (aligner(spelling=(220, 3322)), "tokenizer"),
        (aligner(alignment_heads=None), "alignment_heads"),
        (aligner(alignment_heads=[[2, 0]]), "alignment_heads"),
        (aligner(no_timestamps_token_id=None), "generation_config"),
        (aligner(task_to_id=None), "generation_config"),
        (aligner(task_to_id=None, is_multilingual=False), None),
    ],
)
def test_a_recogniser_that_cannot_align_says_why(recogniser: Aligner, reason: str | None) -> None:
    """A tokenizer without its merges, heads that are not there, no names of special tokens: never a wrong alignment."""
    told = recogniser.align(None, None, 1.0, "words", "pt") if reason else None

    assert (recogniser.unable, told) == (reason, Unaligned(reason, "made up") if reason else None)


def test_a_text_stands_behind_the_prompt_that_the_model_learnt() -> None:
    """With the language, heard if it isn't given, where there are several; an English-only model has none."""
    prompts = [aligner()._prompt(None, language) for language in ("pt-BR", None, "xx")]

    assert prompts == [[1, 2, 3, 4], [1, 2, 3, 4], None]
    assert aligner(is_multilingual=False)._prompt(None, "pt") == [1, 4]
