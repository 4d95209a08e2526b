"""Pages of voices and dictionaries and rounds of expire on stores that misread `start-after`: each shows what is new, and they end."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.ports import ObjectInfo
from cloning.ports.listing import behind
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from storage.folder_store import FolderStore
from tests.conftest import make_service
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.unit.cloning.audio.test_canonical import tone, wav

NAMES = ["anna", "ben", "carl", "dora", "emil"]


class Ignoring(FolderStore):
    """A store on which every listing begins at the beginning."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        return super().list(prefix)


class Including(FolderStore):
    """A store that lists the key itself again."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        return (info for info in super().list(prefix) if info.key >= after)


class Endless(FolderStore):
    """A store whose pages never advance."""

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        while found := [*super().list(prefix, after=after)]:
            yield from found


STORES = [FolderStore, Ignoring, Including, Endless]
limits = pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 100])
stores = pytest.mark.parametrize("kind", STORES)


def service_on(store: FolderStore, tmp_path: Path) -> Service:
    return make_service(Settings(), store, ManualClock(), ToneEngine(), EchoTranscriber(), tmp_path)


def walked(service: Service, request: dict[str, Any]) -> list[dict[str, Any]]:
    """All replies until there is no cursor; every cursor sorts after the previous one."""
    replies = [answer(service, request, Call("j"))]
    while cursor := replies[-1]["next_cursor"]:
        assert len(replies) < 40
        replies.append(answer(service, request | {"cursor": cursor}, Call("j")))
        assert (replies[-1]["next_cursor"] or "~") > cursor
    return replies


@stores
@limits
def test_pages_of_voices_end_and_show_each_once(kind: type[FolderStore], limit: int, tmp_path: Path) -> None:
    """Pages of voices, of any size, end and show each voice once, in order."""
    service = service_on(kind(tmp_path / "bucket"), tmp_path)
    audio = b64encode(wav(tone(2.0))).decode()
    for name in NAMES:
        answer(service, {"action": "upload", "voice": name, "audio": audio, "consent": True}, Call("u"))

    replies = walked(service, {"action": "voices", "limit": limit})

    assert [entry["voice"] for reply in replies for entry in reply["voices"]] == NAMES


@stores
@limits
def test_pages_of_dictionaries_end_and_show_each_once(kind: type[FolderStore], limit: int, tmp_path: Path) -> None:
    """Pages of dictionaries, of any size, end and show each one once, in order, and no foreign object."""
    store = kind(tmp_path / "bucket")
    service = service_on(store, tmp_path)
    store.put("dictionaries/a/b.json", b"{}", content_type="application/json")
    for name in NAMES:
        answer(service, {"action": "dictionary", "dictionary": name, "say": {"a": "b"}}, Call("d"))

    replies = walked(service, {"action": "dictionaries", "limit": limit})

    assert [entry["dictionary"] for reply in replies for entry in reply["dictionaries"]] == NAMES


@stores
@limits
def test_rounds_of_expire_end_and_count_each_once(kind: type[FolderStore], limit: int, tmp_path: Path) -> None:
    """Rounds of expire end, and count jobs without records and unnamed results once."""
    store = kind(tmp_path / "bucket")
    service = service_on(store, tmp_path)
    service.clock.sleep(86_400 * 3650)
    for name in NAMES:
        store.put(keys.chunk(name, 0, "a" * 64), b"chunk", content_type="audio/wav")
        store.put(keys.result(name, "a" * 64, "wav"), b"speech", content_type="audio/wav")

    replies = walked(service, {"action": "expire", "older_than_days": 0, "limit": limit, "dry_run": True})

    counts = [(reply["removed"]["chunks"], reply["removed"]["results"]) for reply in replies]
    assert (sum(chunks for chunks, _ in counts), sum(results for _, results in counts)) == (len(NAMES), len(NAMES))


def test_what_was_seen_is_skipped() -> None:
    """A listing that begins at the cursor or before it is skipped up to the cursor."""
    now = ManualClock().now()
    listed = [ObjectInfo(key, 1, "e", now) for key in "abcd"]

    assert [info.key for info in behind("b", listed)] == ["c", "d"]
    assert [info.key for info in behind("d", listed * 3)] == []
