"""Stored dictionaries: created once, replaced on request, and never used if damaged."""

import json
from typing import Any

import pytest

from cloning import keys
from cloning.dictionaries.library import DictionaryLibrary
from cloning.dictionaries.record import Dictionary, Listed, digest_of
from cloning.errors import Conflict, DictionaryNotFound, RecordDamaged, StorageUnavailable
from cloning.records import MOST_BYTES
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock
from tests.standins.memory_store import Bucket, MemoryStore, Trouble

GIF, SQL = {"GIF": "jif"}, {"SQL": "sequel"}


@pytest.fixture
def library(store: FolderStore, clock: ManualClock) -> DictionaryLibrary:
    return DictionaryLibrary(store, clock)


def test_a_dictionary_is_stored_and_found(library: DictionaryLibrary, store: FolderStore) -> None:
    """A dictionary is one record at its own key, with the digest of its words."""
    made = library.add("names", GIF, replace=False)

    assert library.get("names") == made
    assert [info.key for info in store.list()] == ["dictionaries/names.json"]
    assert (made.say, made.sha256, made.replaced_at) == (GIF, digest_of(GIF), None)


def test_the_order_of_words_doesnt_matter() -> None:
    """The digest doesn't depend on the order in which the words were sent."""
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"}) != digest_of({"a": "2", "b": "1"})


def test_the_same_words_twice_are_one_dictionary(library: DictionaryLibrary, clock: ManualClock) -> None:
    """The same words sent twice are one dictionary, with `replace` too."""
    first = library.add("names", GIF, replace=False)
    clock.sleep(60)

    assert library.add("names", GIF, replace=False) == first
    assert library.add("names", GIF, replace=True) == first


def test_other_words_under_a_taken_name_are_refused(library: DictionaryLibrary) -> None:
    """Other words under a taken name are refused unless `replace` is set."""
    library.add("names", GIF, replace=False)

    with pytest.raises(Conflict, match="replace: true"):
        library.add("names", SQL, replace=False)
    assert library.get("names").say == GIF


def test_a_replaced_dictionary_keeps_the_day_of_its_birth(library: DictionaryLibrary, clock: ManualClock) -> None:
    """A replaced dictionary keeps its date of creation and says when it was replaced."""
    first = library.add("names", GIF, replace=False)
    clock.sleep(60)

    second = library.add("names", SQL, replace=True)

    assert (second.say, second.created_at, second.replaced_at) == (SQL, first.created_at, clock.now())


def test_a_replacement_of_nothing_is_a_first_one(library: DictionaryLibrary) -> None:
    """`replace` also creates a dictionary that doesn't exist yet."""
    assert library.add("names", GIF, replace=True).replaced_at is None


def test_an_unknown_dictionary_is_not_found(library: DictionaryLibrary) -> None:
    """Every verb reports an unknown dictionary as not found."""
    for verb in (library.get, library.delete):
        with pytest.raises(DictionaryNotFound):
            verb("nobody")


def test_a_deleted_dictionary_is_gone(library: DictionaryLibrary, store: FolderStore) -> None:
    """A deleted dictionary is gone, and those with similar names stay."""
    library.add("names", GIF, replace=False)
    library.add("names-2", GIF, replace=False)

    library.delete("names")

    assert [info.key for info in store.list()] == ["dictionaries/names-2.json"]


def changed(body: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(body) | fields).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"sha256": "0" * 64},
        {"say": {"GIF": "goof"}},
        {"say": {"GIF": 7}},
        {"say": {str(n): "x" for n in range(501)}},
        {"say": {"a" * 101: "x"}},
        {"say": {"a": "x" * 201}},
        {"say": ["GIF"]},
        {"dictionary": "other"},
        {"dictionary": "../other"},
        {"created_at": "yesterday"},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_a_damaged_record_is_told_replaced_and_deleted(
    library: DictionaryLibrary, store: FolderStore, fields: dict[str, Any]
) -> None:
    """A damaged record is reported without its words and never used; the list goes on, and it can be replaced or deleted."""
    library.add("intact", SQL, replace=False)
    key = keys.dictionary("names")
    whole = library.add("names", GIF, replace=False).body()
    store.put(key, changed(whole, **fields), content_type="application/json")

    with pytest.raises(RecordDamaged, match="replace: true") as failed:
        library.get("names")
    with pytest.raises(RecordDamaged):
        library.add("names", SQL, replace=False)
    page, _ = library.page(limit=10, after="")
    replaced = library.add("names", GIF, replace=True)

    assert "goof" not in failed.value.message
    assert [type(one) for one in page] == [Dictionary, Listed]
    assert (library.get("names"), replaced.say) == (replaced, GIF)
    store.put(key, changed(whole, **fields), content_type="application/json")
    library.delete("names")
    with pytest.raises(DictionaryNotFound):
        library.get("names")


def test_an_enormous_record_is_listed_unread(library: DictionaryLibrary, store: FolderStore) -> None:
    """An enormous record is listed with its size and not read."""
    store.put(keys.dictionary("names"), b"x" * (MOST_BYTES + 1), content_type="application/json")

    (listed,), _ = library.page(limit=10, after="")

    assert isinstance(listed, Listed)
    assert "16.0 MB" in listed.problem


def test_a_bucket_that_is_down_is_no_list_of_problems() -> None:
    """If the bucket is down, the list fails; if a single record can't be read, it is listed with its problem."""
    store = MemoryStore(Bucket())
    library = DictionaryLibrary(store, ManualClock())
    for name in "abcd":
        library.add(name, GIF, replace=False)

    store.troubles = ["none", "before"]
    page, _ = library.page(limit=10, after="")
    store.troubles = ["none", *["before"] * 4]  # type: ignore[list-item]
    with pytest.raises(StorageUnavailable):
        library.page(limit=10, after="")

    assert [type(one) for one in page].count(Listed) == 1


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("trouble", ["before", "after", "again"])
@pytest.mark.parametrize("call", [0, 1])
def test_any_store_call_may_fail(call: int, trouble: Trouble, *, replace: bool) -> None:
    """If any store call fails, before or after its effect, or is repeated, sending the request again stores the dictionary once."""
    store = MemoryStore(Bucket())
    library = DictionaryLibrary(store, ManualClock())
    if replace:
        library.add("names", SQL, replace=False)
    store.troubles = [*(["none"] * call), trouble]  # type: ignore[list-item]

    try:
        library.add("names", GIF, replace=replace)
    except StorageUnavailable:
        library.add("names", GIF, replace=replace)

    assert library.get("names").say == GIF


@pytest.mark.parametrize("has_old", [False, True])
@pytest.mark.parametrize("others_words", [SQL, GIF, None], ids=["other words", "the same", "a delete"])
def test_who_is_overtaken_is_told(others_words: dict[str, str] | None, *, has_old: bool) -> None:
    """A caller whose words were replaced or deleted meanwhile gets a conflict, unless the stored words are the same."""
    bucket = Bucket()
    store, other = MemoryStore(bucket), DictionaryLibrary(MemoryStore(bucket), ManualClock())
    library = DictionaryLibrary(store, ManualClock())
    if has_old:
        other.add("names", {"old": "words"}, replace=False)

    def overtake() -> None:
        if others_words:
            other.add("names", others_words, replace=True)
        elif has_old:
            other.delete("names")

    store.interlude = overtake
    store.troubles = ["none", "overtaken"]
    is_lost = others_words == SQL or (others_words is None and has_old)

    if is_lost:
        with pytest.raises(Conflict, match=r"at the same time|other words"):
            library.add("names", GIF, replace=has_old)
    else:
        assert library.add("names", GIF, replace=has_old).say == GIF
