"""Dictionaries on a folder and on a real S3 server: both must keep the same contract."""

import pytest

from cloning.dictionaries.library import DictionaryLibrary
from cloning.dictionaries.record import Dictionary
from cloning.errors import Conflict, DictionaryNotFound, StorageUnavailable
from cloning.ports import ObjectStore
from s3_utils import S3Store, s3_client
from tests.servers import Fault, Server, spoiling
from tests.standins.fakes import ManualClock

SAY = {"Nguyễn": "Win", "GIF": "jif"}


def test_a_dictionary_lives_once(any_store: ObjectStore) -> None:
    """A dictionary is created, kept, replaced, listed and removed through the store's conditional writes."""
    library, clock = DictionaryLibrary(any_store, ManualClock()), ManualClock()

    made = library.add("names", SAY, replace=False)
    again = DictionaryLibrary(any_store, clock).add("names", SAY, replace=False)
    with pytest.raises(Conflict):
        library.add("names", {"a": "b"}, replace=False)
    replaced = library.add("names", {"a": "b"}, replace=True)
    other = library.add("a.json", SAY, replace=False)

    assert made == again
    assert library.get("names") == replaced
    assert library.page(limit=1, after="") == ([other], "dictionaries/a.json.json")
    assert library.page(limit=1, after="dictionaries/a.json.json") == ([replaced], None)
    library.delete("names")
    with pytest.raises(DictionaryNotFound):
        library.get("names")


def test_a_lost_reply_costs_nothing(server: Server, bucket: str) -> None:
    """If the reply to a write is lost, the same call again finds the record."""
    with spoiling(server) as (proxy, faults):
        store = S3Store(bucket, s3_client(proxy.settings(bucket), attempts=1), sleep=lambda _: None)
        library = DictionaryLibrary(store, ManualClock())
        faults.first(1, Fault(cut="after"), method="PUT")

        with pytest.raises(StorageUnavailable):
            library.add("names", SAY, replace=False)
        made = library.add("names", SAY, replace=False)

    assert isinstance(made, Dictionary)
    assert DictionaryLibrary(S3Store.from_settings(server.settings(bucket)), ManualClock()).get("names") == made


def test_a_reply_in_the_stores_place_is_no_missing_dictionary(server: Server, bucket: str) -> None:
    """A gateway's 404 is retryable, and not taken for a missing dictionary."""
    with spoiling(server) as (proxy, faults):
        store = S3Store(bucket, s3_client(proxy.settings(bucket), attempts=1), sleep=lambda _: None)
        faults.choose = lambda _: Fault(404, content=b"404 page not found\n", headers=(("Content-Type", "text/plain"),))

        for call in (DictionaryLibrary(store, ManualClock()).get, DictionaryLibrary(store, ManualClock()).delete):
            with pytest.raises(StorageUnavailable):
                call("names")
