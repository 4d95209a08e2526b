"""Dictionaries stored, replaced and deleted by several callers, interleaved at every store call."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from cloning import keys
from cloning.dictionaries.library import DictionaryLibrary
from cloning.dictionaries.record import Dictionary
from cloning.errors import Conflict, DictionaryNotFound
from tests.interleaving import SteppingStore, interleaved
from tests.standins.fakes import ManualClock
from tests.standins.memory_store import Bucket

Operation = Callable[[SteppingStore], object]
CLOCK = ManualClock()


def store(word: str, *, replace: bool) -> Operation:
    return lambda bucket: DictionaryLibrary(bucket, CLOCK).add("names", {word: word}, replace=replace)


OPERATIONS: dict[str, Operation] = {
    "a": store("a", replace=False),
    "b": store("b", replace=True),
    "c": store("c", replace=True),
    "delete": lambda bucket: DictionaryLibrary(bucket, CLOCK).delete("names"),
    "read": lambda bucket: DictionaryLibrary(bucket, CLOCK).get("names"),
}


@given(
    names=st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=2, max_size=4),
    order=st.lists(st.integers(0, 3), max_size=24),
    has_old=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_the_record_is_always_one_callers(names: list[str], order: list[int], *, has_old: bool) -> None:
    """A caller that is told its dictionary is stored has stored it; without a delete, the words of the last such caller stay."""
    bucket = Bucket()
    if has_old:
        interleaved(bucket, [store("old", replace=False)], [])

    def check() -> None:
        if there := bucket.objects.get(keys.dictionary("names")):
            Dictionary.model_validate_json(there.body)

    outcomes = interleaved(bucket, [OPERATIONS[name] for name in names], order, check)

    for outcome in outcomes:
        assert outcome is None or isinstance(outcome, Dictionary | Conflict | DictionaryNotFound), outcome
    stored = [one for name, one in zip(names, outcomes, strict=True) if name in "abc" and isinstance(one, Dictionary)]
    if stored and "delete" not in names:
        there = Dictionary.model_validate_json(bucket.objects[keys.dictionary("names")].body)
        assert there.say in [one.say for one in stored]
