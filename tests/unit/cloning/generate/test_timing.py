"""Words of the caller's text: one may stand for several spoken ones, and characters may have been exchanged."""

from cloning.generate.proof.timing import SpokenWord


def word(text: str, start: int, begin: float | None) -> SpokenWord:
    return SpokenWord(0, text, start, start + len(text), begin, None if begin is None else begin + 0.5, 0.9)


def test_a_word_that_a_number_begins_is_whole() -> None:
    """'100-year-old' is spoken as 'one', 'hundred-year-old': the first stands for '100', the second for all of it."""
    spoken = [word("A", 0, 0.0), word("100", 2, 1.0), word("100-year-old", 2, 1.5), word("tree", 15, 2.0)]

    merged = SpokenWord.merged(spoken)

    found = [(one.text, one.text_start, one.text_end) for one in merged]
    assert found == [("A", 0, 1), ("100-year-old", 2, 14), ("tree", 15, 19)]
    assert (merged[1].start, merged[1].end) == (1.0, 2.0)
