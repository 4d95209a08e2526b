"""Pages of voices: each once, and a record that is damaged or refused is one voice's problem."""

import pytest

from cloning import keys
from cloning.errors import RecordDamaged, ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.ports import StoredObject
from cloning.voices.library import VoiceLibrary
from cloning.voices.record import Listed, Voice
from storage.folder_store import FolderStore
from tests.unit.cloning.voices.adding import add


def test_pages_show_every_voice_once(voices: VoiceLibrary, store: FolderStore, human_wav: bytes) -> None:
    """Pages show records, bare files and adopted ones once each, and no foreign objects."""
    for name in ("anna", "anna.b", "anna-c", "zoe"):
        add(voices, name)
    for name in ("bare", "adopted"):
        store.put(f"voices/{name}.wav", human_wav, content_type="audio/wav")
    voices.get("adopted")
    store.put("voices/readme.txt", b"hello", content_type="text/plain")

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = voices.page(limit=2, after=cursor)
        assert len(page) <= 2
        seen += [one.voice for one in page]

    assert sorted(seen) == ["adopted", "anna", "anna-c", "anna.b", "bare", "zoe"]


def test_a_damaged_record_is_one_voices_problem(voices: VoiceLibrary, store: FolderStore) -> None:
    """A damaged record is listed with what to do, can be replaced or deleted, and doesn't hide the other voices."""
    add(voices, "ben")
    store.put(keys.voice_record("anna"), b"{not json", content_type="application/json")

    page, _ = voices.page(limit=10, after="")
    assert [(one.voice, isinstance(one, Listed) and one.problem is not None) for one in page] == [
        ("anna", True),
        ("ben", False),
    ]
    with pytest.raises(RecordDamaged, match="upload it again"):
        voices.get("anna")
    assert add(voices, "anna", replace=True).voice == "anna"
    assert voices.get("anna").voice == "anna"


def refusing(store: FolderStore, names: set[str], patch: pytest.MonkeyPatch, kind: type[ServiceError]) -> None:
    """A bucket that returns these voices' records to nobody."""
    get = store.get
    refused = {keys.voice_record(name) for name in names}

    def refuse(key: str, *, most: int | None = None) -> StoredObject:
        if key in refused:
            raise kind("the bucket refuses the object")
        return get(key, most=most)

    patch.setattr(store, "get", refuse)


@pytest.mark.parametrize("kind", [StorageMisconfigured, StorageUnavailable])
@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_record_that_the_bucket_refuses_is_one_voices_problem(
    voices: VoiceLibrary, store: FolderStore, monkeypatch: pytest.MonkeyPatch, limit: int, kind: type[ServiceError]
) -> None:
    """If the bucket refuses a voice's record (archived, key disabled, disk failing), the others are listed, and that one is named once."""
    for name in ("anna", "ben", "cleo", "dora"):
        add(voices, name)
    store.put("voices/ben.wav", b"a bare file", content_type="audio/wav")
    refusing(store, {"ben", "cleo"}, monkeypatch, kind)

    found: list[Voice | Listed] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = voices.page(limit=limit, after=cursor)
        found += page

    assert [(one.voice, getattr(one, "problem", None)) for one in found] == [
        ("anna", None),
        ("ben", "the bucket refuses the object"),
        ("cleo", "the bucket refuses the object"),
        ("dora", None),
    ]


@pytest.mark.parametrize("kind", [StorageMisconfigured, StorageUnavailable])
def test_a_bucket_that_refuses_every_record_is_an_error(
    voices: VoiceLibrary, store: FolderStore, monkeypatch: pytest.MonkeyPatch, kind: type[ServiceError]
) -> None:
    """If the bucket refuses every record, that is an error for somebody to fix."""
    add(voices, "anna")
    add(voices, "ben")
    refusing(store, {"anna", "ben"}, monkeypatch, kind)

    with pytest.raises(kind, match="refuses"):
        voices.page(limit=10, after="")
