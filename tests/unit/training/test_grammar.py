"""The sentences: sets that never overlap and are the same for the same seed."""

import random
from itertools import combinations

from training import grammar


def test_no_sentence_is_in_two_sets() -> None:
    """No trained sentence is unseen, free or a demo's; short texts are a set of their own."""
    sets = [
        {*grammar.training(1, "slt", 500), *grammar.training(1, "rms", 500)},
        set(grammar.unseen(1)),
        set(grammar.SHORT),
        set(grammar.DEMO),
        set(grammar.FREE),
    ]

    assert [left & right for left, right in combinations(sets, 2)] == [set()] * 10


def test_a_seed_gives_the_same_sentences() -> None:
    """A seed gives the same sentences; another seed or another voice gives others."""
    first = grammar.training(1, "slt", 50)

    assert first == grammar.training(1, "slt", 50)
    assert first != grammar.training(2, "slt", 50)
    assert first != grammar.training(1, "rms", 50)
    assert grammar.unseen(1) == grammar.unseen(1) != grammar.unseen(2)


def test_as_many_sentences_come_as_are_asked_for_and_none_twice() -> None:
    """As many sentences are made as are asked for, all different, and none of those to be left out."""
    left_out = grammar.sentences(random.Random(0), 20)

    found = grammar.sentences(random.Random(0), 100, left_out)

    assert len(set(found)) == 100
    assert not {*found} & {*left_out}


def test_every_word_of_every_list_can_be_said_in_ascii() -> None:
    """Every word is ASCII, the only letters that flite and the vocabulary share; no placeholder is left."""
    for text in [*grammar.training(3, "slt", 300), *grammar.SHORT, *grammar.DEMO, *grammar.FREE]:
        assert text.isascii()
        assert not {*text} & {*"{}|\n"}
        assert text[0] == text[0].upper()
