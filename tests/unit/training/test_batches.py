"""Chains: whole utterances of one voice that fill a length exactly."""

import random
from itertools import pairwise

import pytest
import torch

from tests.unit.training.corpora import LEVELS, corpus
from training.batches import VOCAB, Chain, Chains, Choices, letters_of
from training.grammar import SHORT
from training.mels import FLOOR, STEP
from training.packed import Corpus

VOICES = tuple(LEVELS)


@pytest.fixture(scope="module")
def small() -> Corpus:
    return corpus()


def drawn(small: Corpus, count: int = 300, length: int = 384) -> list[Chain]:
    chains = Chains(small, Choices(VOICES), random.Random(0))
    return [chains.chain(length) for _ in range(count)]


@pytest.mark.parametrize("length", [288, 384, 704])
def test_pieces_fill_the_length_exactly(small: Corpus, length: int) -> None:
    """The pieces' frames and the silences after them add up to the length, and no piece is empty."""
    for chain in drawn(small, length=length):
        assert sum(piece.frames + piece.silence for piece in chain.pieces) == length
        assert all(piece.frames > 0 for piece in chain.pieces)


def test_voices_are_never_mixed(small: Corpus) -> None:
    """Every chain has one voice, and every voice is used."""
    voices = [{small.voices[piece.number] for piece in chain.pieces} for chain in drawn(small)]

    assert all(len(one) == 1 for one in voices)
    assert set.union(*voices) == {*VOICES}


def test_paces_stay_within_what_inference_asks_for(small: Corpus) -> None:
    """A heard sentence is stretched to 0.8 to 1.3 of its frames; what follows a turn, at most half as far again."""
    for chain in drawn(small):
        paces = [piece.frames / len(small.mels[piece.number]) for piece in chain.pieces]
        assert all(0.87 * 0.93 <= pace <= 1.2 * 1.08 for pace in paces[:1])
        assert all(0.87 * 0.68 * 0.92 <= pace <= 1.2 * 1.5 * 1.08 for pace in paces)


def test_a_short_text_comes_last_and_is_mostly_silent(small: Corpus) -> None:
    """A short text comes last and is mostly silent, as in f5_tts: everything before it is heard, and it has far more frames than it needs."""
    short = [chain for chain in drawn(small, 1000) if small.texts[chain.pieces[-1].number] in SHORT]

    assert 10 < len(short) < 100
    for chain in short:
        assert chain.unheard == len(chain.pieces) - 1 > 0
        assert chain.pieces[-1].silence > 0
        assert all(piece.silence == 0 for piece in chain.pieces[:-1])


def test_the_mask_hides_a_part_and_leaves_the_sizes_alone(small: Corpus) -> None:
    """In each row one span is to be spoken; letters are filled up with -1."""
    chains = Chains(small, Choices(VOICES), random.Random(0))
    torch.manual_seed(0)

    mel, text, hidden = chains.batch(32, 384)

    assert mel.shape == (32, 384, 100)
    assert hidden.shape == (32, 384)
    assert text.min() == -1
    assert text.max() < len(VOCAB)
    for row in hidden.int().tolist():
        assert 0 < sum(row) <= 384
        assert sum(after > before for before, after in pairwise([0, *row])) == 1
    levels = torch.tensor([level * STEP + FLOOR for level in LEVELS.values()])
    assert torch.isclose(mel[:, :50].mean((1, 2))[:, None], levels).any(1).all()


def test_a_seed_gives_the_same_batches(small: Corpus) -> None:
    """The same seed gives the same batches: all randomness is in the given generator and in torch's."""
    batches = []
    for _ in range(2):
        torch.manual_seed(0)
        batches.append(Chains(small, Choices(VOICES), random.Random(7)).batch(4, 384))

    assert all(torch.equal(left, right) for left, right in zip(*batches, strict=True))


def test_lengths_that_nothing_fills_are_refused(small: Corpus) -> None:
    """A length that nothing can fill is an error, not an endless search."""
    chains = Chains(small, Choices(VOICES), random.Random(0))

    with pytest.raises(ValueError, match="no utterances fill 40 frames"):
        chains.chain(40)


def test_a_voice_that_is_not_there_is_refused(small: Corpus) -> None:
    """If a voice has no data, the message says how to make it."""
    with pytest.raises(ValueError, match="no sentences of the voice 'awb': make it with --voices awb"):
        Chains(small, Choices(("awb",)), random.Random(0))


def test_letters_are_those_that_inference_sees() -> None:
    """Letters are those of f5_tts's own tokenizer; one that isn't in the vocabulary becomes a space."""
    [letters] = letters_of(["Hi, Tom~"])

    assert "".join(VOCAB[number] for number in letters) == "Hi, Tom "
