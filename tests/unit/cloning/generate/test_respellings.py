"""A stored dictionary is applied; the request's own respellings are used first."""

from pathlib import Path

import pytest

from cloning import keys
from cloning.errors import DictionaryNotFound
from cloning.generate.respellings import respellings_of
from cloning.requests.generate import Generate
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import make_service
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.standins.memory_store import Bucket, MemoryStore
from tests.unit.cloning.asking import act
from tests.unit.cloning.generate.test_passages import texts, upload


@pytest.fixture
def anna(service: Service, human_wav: bytes) -> str:
    upload(service, human_wav, language="en")
    return "anna"


def request(**fields: object) -> Generate:
    return Generate.model_construct(text="Hello.", voice="anna", **fields)  # type: ignore[arg-type]


def test_a_requests_own_respellings_come_first(service: Service) -> None:
    """The request's own respellings are used first, then the dictionary's; the digest is the stored dictionary's."""
    stored = service.dictionaries.add("names", {"GIF": "jif", "SQL": "sequel"}, replace=False)

    found = respellings_of(service, request(dictionary="names", say={"GIF": "ghif", "a": "b"}))

    assert found == ({"GIF": "ghif", "a": "b", "SQL": "sequel"}, stored.sha256)


def test_without_a_name_the_bucket_is_not_asked(service: Service, engine: ToneEngine, tmp_path: Path) -> None:
    """Without a dictionary's name the bucket isn't asked, so it may be down."""
    store = MemoryStore(Bucket())
    store.troubles = ["before"] * 5
    alone = make_service(service.settings, store, ManualClock(), engine, EchoTranscriber(), tmp_path)

    assert respellings_of(alone, request(say={"a": "b"})) == ({"a": "b"}, None)
    assert respellings_of(alone, request()) == ({}, None)
    assert len(store.troubles) == 5


def test_a_generate_speaks_by_the_dictionary(service: Service, engine: ToneEngine, anna: str) -> None:
    """A generate applies the dictionary as `read` shows."""
    act(service, action="dictionary", dictionary="names", say={"GIF": "jif"})

    act(service, text="A GIF of Nguyen.", voice=anna, dictionary="names", say={"Nguyen": "Win"})

    assert texts(engine) == ["A jif of Win."]


def test_an_unknown_dictionary_is_refused_before_a_job_is_made(service: Service, store: FolderStore, anna: str) -> None:
    """An unknown dictionary is refused before a job is made or anything stored."""
    with pytest.raises(DictionaryNotFound, match="'names'"):
        act(service, text="Hello.", voice=anna, dictionary="names")

    assert list(store.list(keys.JOBS)) == []
