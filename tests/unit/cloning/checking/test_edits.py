"""What was heard otherwise is a change of the text, and the problem that it would be."""

from dataclasses import replace

import pytest

from cloning.checking import Edit, Problem, ProblemKind, Speech, edits_of
from cloning.checking.repeats import Repeat
from cloning.ports import Alignment, Unaligned
from tests.standins.fakes import evenly_spread, hummed

RATE = 24_000


def heard_in(text: str, *hearings: str, language: str = "en") -> tuple[Edit, ...]:
    """The changes, of a voice whose recording says "Some other words."."""
    speech = Speech(hummed(2.0, RATE), RATE, text, language, reference_text="Some other words.")
    return edits_of(speech, evenly_spread(text, 2.0, "made up"), hearings)


@pytest.mark.parametrize(
    ("heard", "changed", "kind", "word"),
    [
        ("one two four", "One, two, four.", ProblemKind.MISSING_WORD, "three"),
        ("one two tree four", "One, two, tree, four.", ProblemKind.MISSING_WORD, "three"),
        ("one two three", "One, two, three.", ProblemKind.MISSING_WORD, "four"),
        ("one two two three four", "One, two two, three, four.", ProblemKind.DOUBLED_WORD, "two"),
        ("one two three four four", "One, two, three, four four.", ProblemKind.DOUBLED_WORD, "four"),
        ("one two one two three four", "One, two one two, three, four.", ProblemKind.LOOP, "two"),
        ("other words one two three four", "other words One, two, three, four.", ProblemKind.LEAKED_REFERENCE, "One"),
        ("some one two three four", "some One, two, three, four.", ProblemKind.LEAKED_REFERENCE, "One"),
        ("and one two three four", "and One, two, three, four.", ProblemKind.EXTRA_SPEECH, "One"),
        ("words other one two three four", "words other One, two, three, four.", ProblemKind.EXTRA_SPEECH, "One"),
        ("one two three four what", "One, two, three, four what.", ProblemKind.EXTRA_SPEECH, "four"),
    ],
)
def test_one_thing_is_changed(heard: str, changed: str, kind: ProblemKind, word: str) -> None:
    """The rest of the text keeps its capitals and punctuation, so that only the change is weighed."""
    text = "One, two, three, four."

    found = heard_in(text, heard)

    assert [(edit.text, edit.problem) for edit in found] == [(changed, Problem(kind, word, text.index(word)))]


def test_each_difference_is_a_change_of_its_own() -> None:
    """Of all hearings together, each once."""
    found = heard_in(
        "one two three four five", "one tree four five", "one tree four five six", "one two three four five"
    )

    assert [edit.text for edit in found] == ["one tree four five", "one two three four five six"]


def test_scripts_without_spaces_are_changed_by_the_character() -> None:
    """No space comes into the text."""
    found = heard_in("今天很好。", "今天天很好", language="zh")

    assert [edit.text for edit in found] == ["今天天很好。"]


def test_without_an_alignment_there_is_nothing_to_weigh() -> None:
    """Nor where nothing was said."""
    speech = Speech(hummed(2.0, RATE), RATE, "one two", "en")

    assert edits_of(speech, Unaligned("tokenizer", "made up"), ["one"]) == ()


def test_words_that_the_sound_says_twice_are_changes_though_nobody_heard_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs about the repeat that take about as long as it, the likeliest first."""
    repeat = Repeat(0.3, start=0.5, length=0.5)
    monkeypatch.setattr("cloning.checking.evidence.find_repeat", lambda *_: repeat)

    found = heard_in("one two three four", "one two three four")

    assert ProblemKind.DOUBLED_WORD in {edit.problem.kind for edit in found}
    assert "one two two three four" in [edit.text for edit in found]
    assert all(edit.difference.first == edit.difference.last for edit in found)


def test_a_word_that_may_well_begin_again_is_a_change() -> None:
    """The alignment alone proposes it."""
    text = "one two three"
    alignment = evenly_spread(text, 2.0, "made up")
    assert isinstance(alignment, Alignment)
    first, second, third = alignment.tokens
    stammered = replace(alignment, tokens=(first, second, replace(third, again=-2.0, again_by_text=-4.0)))

    found = edits_of(Speech(hummed(2.0, RATE), RATE, text, "en"), stammered, [text])

    assert [edit.text for edit in found] == ["one two two three"]


def test_a_guess_is_a_change_as_it_is_written() -> None:
    """With its capital and its figures; one that changes nothing or several things is none."""
    text = "One, two, three."
    guesses = ["One, I two, three.", "One, two, three.", "Many one, two, more three."]
    speech = Speech(hummed(2.0, RATE), RATE, text, "en")

    found = edits_of(speech, evenly_spread(text, 2.0, "made up"), [], guesses=guesses)

    assert [(edit.text, edit.problem.kind) for edit in found] == [("One, I two, three.", ProblemKind.EXTRA_SPEECH)]
