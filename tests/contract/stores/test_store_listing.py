"""A listing's order, prefix, starting point and pages, on a folder and on a real S3 server over HTTP."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.ports import ObjectStore
from s3_utils import S3Store
from storage.folder_store import FolderStore
from tests.contract.conftest import KINDS, NewBucket, keys_of
from tests.servers import Server, spoiling

TEXT = "text/plain; charset=utf-8"


@pytest.fixture(scope="module", params=KINDS)
def crowded(
    request: pytest.FixtureRequest, server: Server, new_bucket: NewBucket, tmp_path_factory: pytest.TempPathFactory
) -> ObjectStore:
    """A store with 1,003 numbered objects, more than any page holds, and three others."""
    filled: ObjectStore
    if request.param == "folder":
        filled = FolderStore(tmp_path_factory.mktemp("crowded"))
    else:
        filled = S3Store.from_settings(server.settings(new_bucket()))
    keys = [f"n/{number:04}" for number in range(1003)] + ["m/before", "n-not-below", "o/behind"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: filled.put(key, key.encode(), content_type=TEXT), keys))
    return filled


def test_a_listing_is_longer_than_a_page(crowded: ObjectStore) -> None:
    """All objects under a prefix are listed in key order, though S3 gives a thousand at a time."""
    assert keys_of(crowded, "n/") == [f"n/{number:04}" for number in range(1003)]
    assert keys_of(crowded)[:2] == ["m/before", "n-not-below"]
    assert keys_of(crowded)[-1] == "o/behind"


@pytest.mark.parametrize("after", ["", "a", "n/0999", "n/0999x", "n/", "n/1002", "o", "z"])
def test_a_listing_goes_on_behind_a_key(crowded: ObjectStore, after: str) -> None:
    """`after` is a place in the order of keys, whether or not an object has that key."""
    everything = ["m/before", "n-not-below", *(f"n/{number:04}" for number in range(1003)), "o/behind"]

    found = keys_of(crowded, after=after)

    assert found == [key for key in everything if key > after]


def test_a_prefix_need_not_be_a_folder(any_store: ObjectStore) -> None:
    """A prefix is compared character by character, as S3 does."""
    for key in ("voices/a", "voices/ab/x", "voices/b", "voicesa"):
        any_store.put(key, b"", content_type=TEXT)

    assert keys_of(any_store, "voices/a") == ["voices/a", "voices/ab/x"]
    assert keys_of(any_store, "voices/a/") == []
    assert keys_of(any_store, "voices") == ["voices/a", "voices/ab/x", "voices/b", "voicesa"]
    assert keys_of(any_store, "/") == keys_of(any_store, "../") == keys_of(any_store, "voices/../") == []


def test_keys_are_listed_in_the_order_of_their_bytes(any_store: ObjectStore) -> None:
    """Keys are in the order of their bytes, which a walk from folder to folder would not give."""
    keys = ["a/x", "a-b/x", "a.wav", "a/b/c", "a/b-c", "a0", "A", "b", "é", "z/\uffee", "z/\U0001f399"]
    for key in keys:
        any_store.put(key, b"", content_type=TEXT)

    assert keys_of(any_store) == sorted(keys, key=str.encode)


def _ignored(path: str) -> str:
    return re.sub(r"&?start-after=[^&]*", "", path)


def _included(path: str) -> str:
    """The place moved to just before the key."""

    def earlier(found: re.Match[str]) -> str:
        key = unquote(found[1])
        return f"start-after={quote(key[:-1] + chr(ord(key[-1]) - 1), safe='')}"

    return re.sub(r"start-after=([^&]*)", earlier, path)


def _without_token(path: str) -> str:
    return re.sub(r"&?continuation-token=[^&]*", "", path)


@pytest.mark.parametrize("habit", [_ignored, _included, _without_token], ids=lambda habit: habit.__name__)
@pytest.mark.parametrize("after", ["", "a/2", "a/25", "b"])
def test_a_server_may_ignore_or_include_the_place_to_start_at(
    server: Server, bucket: str, habit: Callable[[str], str], after: str
) -> None:
    """Whether the server ignores or includes the starting point, the listing comes strictly after it, with each key once, and ends."""
    keys = [f"{folder}/{number}" for folder in "abc" for number in range(4)]
    with spoiling(server) as (proxy, faults):
        store = S3Store.from_settings(proxy.settings(bucket))
        for key in keys:
            store.put(key, b"", content_type=TEXT)
        faults.rewrite = lambda path: habit(path) + ("&max-keys=3" if "list-type=2" in path else "")

        found = keys_of(store, after=after)

    assert found == [key for key in keys if key > after]


def trees() -> st.SearchStrategy[set[str]]:
    """Sets of keys of which none is a folder of another."""
    segment = st.text("ab-./0", min_size=1, max_size=3).filter(lambda text: "/" not in text and text.strip("."))
    keys = st.lists(segment, min_size=1, max_size=3).map("/".join)
    return st.sets(keys, max_size=8).map(
        lambda found: {k for k in found if not any(o.startswith(f"{k}/") for o in found)}
    )


@given(keys=trees(), prefix=st.text("ab-/", max_size=3), after=st.text("ab-/", max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_folder_lists_as_a_bucket_would(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str, after: str
) -> None:
    """For any keys, prefix and place, a folder lists the sorted and filtered set."""
    store = FolderStore(tmp_path_factory.mktemp("tree"))
    for key in keys:
        store.put(key, b"", content_type=TEXT)

    found = keys_of(store, prefix, after=after)

    assert found == sorted(key for key in keys if key.startswith(prefix) and key > after)
