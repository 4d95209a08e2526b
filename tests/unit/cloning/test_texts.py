"""The actions about texts: dictionaries are stored, listed and removed, and a text is read without a model."""

from base64 import b64encode
from typing import Any

import pytest

from cloning.errors import Conflict, DictionaryNotFound, InvalidRequest, InvalidText, VoiceNotFound
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service, with_settings
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.standins.memory_store import Bucket, MemoryStore
from tests.unit.cloning.asking import act

STORE = {"action": "dictionary", "dictionary": "names", "say": {"Nguyen": "Win", "GIF": "jif"}}


@pytest.fixture
def voice(service: Service, human_wav: bytes) -> str:
    audio = b64encode(human_wav).decode()
    act(service, action="upload", voice="anna", audio=audio, consent=True, transcript=SPOKEN, language="de")
    return "anna"


def test_a_dictionary_is_stored_listed_and_removed(service: Service) -> None:
    """A dictionary is stored, listed and removed; the replies say how many words it has, not which."""
    stored = act(service, **STORE)
    listed = act(service, action="dictionaries")
    removed = act(service, action="delete", dictionary="names")

    assert (stored["dictionary"], stored["words"], stored["status"]) == ("names", 2, "STORED")
    assert listed["dictionaries"] == [{name: value for name, value in stored.items() if name != "status"}]
    assert removed == {"deleted": {"dictionary": "names"}}
    assert act(service, action="dictionaries") == {"dictionaries": [], "count": 0, "next_cursor": None}


def test_a_stored_dictionary_changes_only_on_request(service: Service) -> None:
    """A stored dictionary changes only with `replace`."""
    act(service, **STORE)

    with pytest.raises(Conflict):
        act(service, **{**STORE, "say": {"a": "b"}})
    assert act(service, **{**STORE, "say": {"a": "b"}}, replace=True)["words"] == 1


def test_a_damaged_dictionary_is_listed_with_its_problem(service: Service, store: FolderStore) -> None:
    """A damaged dictionary is listed by name with its problem."""
    store.put("dictionaries/names.json", b"{", content_type="application/json")

    (entry,) = act(service, action="dictionaries")["dictionaries"]

    assert (entry["dictionary"], "replace: true" in entry["problem"]) == ("names", True)


def test_a_text_is_read_with_its_spans_and_pauses(service: Service) -> None:
    """A reading has spans and pauses, all counted in code points, and each span leads back to the caller's text."""
    text = "The GIF [pause:500ms] costs 3 euros."

    reply = act(service, action="read", text=text, language="en", say={"GIF": "jif"})

    assert reply["reading"] == "The jif costs three euros."
    assert reply["pauses"] == [{"at": 8, "seconds": 0.5, "text_start": 8, "text_end": 21}]
    assert (reply["normalized_in"], reply["warnings"]) == ("en", [])
    replaced = [span for span in reply["spans"] if reply["reading"][span[0] : span[1]] != text[span[2] : span[3]]]
    assert [(reply["reading"][a:b], text[c:d]) for a, b, c, d in replaced] == [("jif", "GIF"), ("three", "3")]


def test_nothing_is_read_without_a_language_or_with_normalize_off(service: Service) -> None:
    """Without a language, or with `normalize: off`, only respellings and pauses apply."""
    for request in ({}, {"language": "en", "normalize": "off"}):
        reply = act(service, action="read", text="GIF 12", say={"GIF": "jif"}, **request)

        assert (reply["reading"], reply["normalized_in"]) == ("jif 12", None)


@pytest.mark.parametrize(
    ("request_", "codes"),
    [
        ({"text": "It costs $5."}, ["READ_AS_IS"]),
        ({"text": "It costs five dollars."}, []),
        ({"text": "It costs $5.", "normalize": "off"}, []),
        ({"text": "It costs $5.", "engine": "xtts"}, []),
        ({"text": "<b>It costs $5.</b>"}, ["TAGS"]),
    ],
)
def test_what_is_not_understood_is_told_as_a_generate_tells_it(
    service: Service, human_wav: bytes, request_: dict[str, Any], codes: list[str]
) -> None:
    """Numbers in an unknown language and tags are warned of before anything is spoken, as `generate` does."""
    audio = b64encode(human_wav).decode()
    act(service, action="upload", voice="ben", audio=audio, consent=True, transcript=SPOKEN)
    told = act(service, action="read", **request_)

    assert [warning["code"] for warning in told["warnings"]] == codes
    if request_.get("engine") != "xtts":
        spoken = act(service, action="generate", voice="ben", seed=1, **request_)
        assert [one for one in spoken["warnings"] if one["code"] in ("READ_AS_IS", "TAGS")] == told["warnings"]


def test_a_named_dictionary_is_used_and_say_comes_first(service: Service) -> None:
    """`read` uses the named dictionary and then `say`, as generate does."""
    act(service, **STORE)

    reply = act(service, action="read", text="Nguyen sent a GIF.", dictionary="names", say={"GIF": "ghif"})

    assert reply["reading"] == "Win sent a ghif."
    with pytest.raises(DictionaryNotFound):
        act(service, action="read", text="Hello.", dictionary="nobody")


def test_turns_are_read_each_by_itself(service: Service, voice: str) -> None:
    """Turns are read one by one, as generate does, in the request's language or that of each turn's voice."""
    turns = [{"voice": voice, "text": "Es ist 3.", "pause_ms": 200}, {"text": "It is 3."}]

    own = act(service, action="read", turns=turns)["turns"]
    told = act(service, action="read", turns=turns, language="en")["turns"]

    assert [one["reading"] for one in own] == ["Es ist drei.", "It is 3."]
    assert [one["normalized_in"] for one in told] == ["en", "en"]


def test_the_voices_language_counts_as_in_generate(service: Service, voice: str) -> None:
    """The voice's language is used as in generate; if the request has one, the voice isn't looked up."""
    assert act(service, action="read", text="Es ist 3.", voice=voice)["reading"] == "Es ist drei."
    assert act(service, action="read", text="It is 3.", voice="nobody", language="en")["reading"] == "It is three."
    with pytest.raises(VoiceNotFound):
        act(service, action="read", text="It is 3.", voice="nobody")


def test_xtts_gets_numbers_as_they_are(service: Service, voice: str) -> None:
    """With XTTS, requested or by the deployment, numbers stay, because it reads them itself."""
    asked = act(service, action="read", text="Es ist 3.", language="de", engine="xtts")
    set_so = act(with_settings(service, engine="xtts"), action="read", text="Es ist 3.", voice="nobody")

    assert (asked["reading"], asked["normalized_in"], set_so["reading"]) == ("Es ist 3.", None, "Es ist 3.")


def test_paragraphs_are_parted_as_the_deployment_says(service: Service) -> None:
    """Paragraphs are parted by PARAGRAPH_PAUSE_MS."""
    reply = act(with_settings(service, paragraph_pause_ms=700), action="read", text="One.\n\nTwo.", language="en")

    assert [pause["seconds"] for pause in reply["pauses"]] == [0.7]


def test_reading_asks_neither_bucket_nor_model(service: Service, engine: ToneEngine, tmp_path: Any) -> None:
    """Without a dictionary, reading needs neither the bucket nor a model, so it always works."""
    store = MemoryStore(Bucket())
    store.troubles = ["before"] * 9
    alone = make_service(service.settings, store, ManualClock(), engine, EchoTranscriber(), tmp_path)

    act(alone, action="read", text="It is 3.", language="en", voice="anna", say={"a": "b"})

    assert len(store.troubles) == 9


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"text": "Hello.", "turns": [{"text": "Hello."}]},
        {"turns": [{"text": "Hello."}], "voice": "anna"},
        {"turns": []},
        {"turns": [{"text": "..."}]},
        {"text": "..."},
        {"text": "a" * 20_001},
        {"turns": [{"text": "a" * 15_000}, {"text": "a" * 15_000}]},
        {"text": "Hello.", "say": {"": "x"}},
        {"text": "Hello.", "dictionary": "../x"},
        {"text": "Hello.", "speed": 1.0},
    ],
    ids=lambda request: str(request)[:40],
)
def test_what_cant_be_read_is_refused(service: Service, request_: dict[str, Any]) -> None:
    """A request is one text or turns, within generate's limits, without fields of other actions."""
    with pytest.raises(InvalidRequest):
        act(service, action="read", **request_)


def test_a_tag_that_is_written_wrongly_is_refused_as_in_generate(service: Service) -> None:
    """A malformed tag is refused as in generate, so a caller learns of it before a job does."""
    with pytest.raises(InvalidText, match="pause"):
        act(service, action="read", text="One [pause:soon] two.")


@pytest.mark.parametrize(
    "change",
    [
        {"dictionary": "a/b"},
        {"dictionary": ""},
        {"say": None},
        {"say": {"a": 7}},
        {"say": {"a" * 101: "b"}},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_no_dictionary_is_refused(service: Service, store: FolderStore, change: dict[str, Any]) -> None:
    """A malformed dictionary is refused before anything is stored."""
    with pytest.raises(InvalidRequest):
        act(service, **{**STORE, **change})
    assert list(store.list()) == []
