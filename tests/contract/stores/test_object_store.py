"""The contract of every ObjectStore, on a folder and on a real S3 server over HTTP."""

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloning.object_keys import is_key
from cloning.ports import AlreadyExists, Changed, DigestMismatch, NoSuchObject, ObjectStore, TooLarge
from tests.contract.conftest import keys_of

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read_url(url: str) -> bytes:
    assert url.startswith(("http://127.0.0.1:", "file:///"))
    with urlopen(url, timeout=30) as reply:  # noqa: S310 - the line above
        return bytes(reply.read())


@pytest.mark.parametrize("body", [b"", b"\x00\xff\r\n", os.urandom(5_000_001)], ids=["empty", "bytes", "5 MB + 1"])
def test_what_was_put_comes_back(any_store: ObjectStore, body: bytes) -> None:
    """Bytes come back unchanged, with the same etag and size from every method."""
    etag = any_store.put("a/b.bin", body, content_type=BYTES)

    found, head, (listed,) = any_store.get("a/b.bin"), any_store.head("a/b.bin"), list(any_store.list())

    assert (found.body, found.etag) == (body, etag)
    assert (head.key, head.size, head.etag) == ("a/b.bin", len(body), etag)
    assert (listed.key, listed.size, listed.etag) == ("a/b.bin", len(body), etag)
    assert head.modified.utcoffset() == listed.modified.utcoffset() == timedelta(0)


def test_more_bytes_than_the_caller_takes_are_not_read(any_store: ObjectStore) -> None:
    """If an object has more bytes than the caller accepts, the error has size and version; with just enough room it is read."""
    etag = any_store.put("x", b"12345", content_type=BYTES)

    with pytest.raises(TooLarge) as refused:
        any_store.get("x", most=4)

    assert (refused.value.size, refused.value.etag) == (5, etag)
    assert any_store.get("x", most=5) == any_store.get("x")


def test_a_key_is_created_once(any_store: ObjectStore) -> None:
    """The second create of a key fails and changes nothing."""
    etag = any_store.create("job.json", b"first", content_type=TEXT)

    with pytest.raises(AlreadyExists):
        any_store.create("job.json", b"second", content_type=TEXT)

    assert any_store.get("job.json").body == b"first"
    assert any_store.get("job.json").etag == etag


def test_a_deleted_key_can_be_created_again(any_store: ObjectStore) -> None:
    """Deleting frees the key and the folders above it, so a key may be created where a folder was."""
    any_store.create("p/q", b"first", content_type=TEXT)
    any_store.delete("p/q")

    any_store.create("p", b"second", content_type=TEXT)

    assert keys_of(any_store) == ["p"]


def test_replacing_the_version_that_was_read_gives_a_new_version(any_store: ObjectStore) -> None:
    """Replace takes the current etag and returns the next."""
    first = any_store.create("job.json", b"first", content_type=TEXT)

    second = any_store.replace("job.json", b"second", etag=first, content_type=TEXT)

    assert second != first
    assert (any_store.get("job.json").body, any_store.get("job.json").etag) == (b"second", second)


def test_replacing_an_older_version_fails(any_store: ObjectStore) -> None:
    """Replace with an outdated etag fails and writes nothing."""
    first = any_store.create("job.json", b"first", content_type=TEXT)
    any_store.replace("job.json", b"second", etag=first, content_type=TEXT)

    with pytest.raises(Changed):
        any_store.replace("job.json", b"third", etag=first, content_type=TEXT)

    assert any_store.get("job.json").body == b"second"


def test_replacing_an_object_that_is_gone_fails(any_store: ObjectStore) -> None:
    """Replace never creates an object."""
    etag = any_store.create("job.json", b"first", content_type=TEXT)
    any_store.delete("job.json")

    with pytest.raises(Changed):
        any_store.replace("job.json", b"second", etag=etag, content_type=TEXT)

    assert keys_of(any_store) == []


def test_put_writes_whatever_was_there(any_store: ObjectStore) -> None:
    """Put has no condition."""
    any_store.put("x", b"first", content_type=TEXT)

    any_store.put("x", b"second", content_type=TEXT)

    assert any_store.get("x").body == b"second"


def test_deleting_what_is_not_there_is_fine(any_store: ObjectStore) -> None:
    """Deleting a missing key, once or twice, or a folder is no error."""
    any_store.put("a/b", b"", content_type=TEXT)

    any_store.delete("a")
    any_store.delete("a/b")
    any_store.delete("a/b")

    assert keys_of(any_store) == []


@pytest.mark.parametrize("key", ["missing", "there/below", "folder"])
def test_reading_a_missing_object_says_so(any_store: ObjectStore, tmp_path: Path, key: str) -> None:
    """Get, head and download raise NoSuchObject, and download leaves no file."""
    any_store.put("there", b"", content_type=TEXT)
    any_store.put("folder/x", b"", content_type=TEXT)
    target = tmp_path / "target" / "file"

    for read in (any_store.get, any_store.head, lambda missing: any_store.download(missing, target)):
        with pytest.raises(NoSuchObject):
            read(key)

    assert not target.parent.exists() or list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    "key",
    [
        "a b+c%20d/ü.wav",
        "x#y?z=1&w",
        "..a/b..",
        "…/日本語/🎙",
        "~",
        "-",
        " ",
        "a:b;c,d",
        "'\"<>&",
        ".hidden/.x",
        "s" * 255,
    ],
)
def test_odd_keys_are_keys(any_store: ObjectStore, key: str) -> None:
    """Every valid key is stored, listed, read, linked and deleted under exactly that name."""
    any_store.create(key, b"odd", content_type=TEXT)

    assert keys_of(any_store) == keys_of(any_store, key) == [key]
    assert any_store.get(key).body == b"odd"
    assert read_url(any_store.url(key, expires_s=60)) == b"odd"
    any_store.delete(key)
    assert keys_of(any_store) == []


@pytest.mark.parametrize("body", [b"", os.urandom(3_000_000)], ids=["empty", "3 MB"])
def test_a_download_is_the_object(any_store: ObjectStore, tmp_path: Path, body: bytes) -> None:
    """Download creates the folder, checks the digest and leaves one file, even over an older one."""
    any_store.put("model", body, content_type=BYTES)
    target = tmp_path / "new" / "model"

    assert any_store.download("model", target, sha256=sha256(body)) == sha256(body)
    assert any_store.download("model", target) == sha256(body)

    assert target.read_bytes() == body
    assert list(target.parent.iterdir()) == [target]


def test_a_download_with_the_wrong_digest_leaves_nothing_behind(any_store: ObjectStore, tmp_path: Path) -> None:
    """A wrong digest raises DigestMismatch and leaves neither the file nor a temporary one."""
    any_store.put("model", b"other bytes", content_type=BYTES)
    target = tmp_path / "new" / "model"

    with pytest.raises(DigestMismatch):
        any_store.download("model", target, sha256=sha256(b"promised bytes"))

    assert list(target.parent.iterdir()) == []


def test_a_failed_download_keeps_the_older_file(any_store: ObjectStore, tmp_path: Path) -> None:
    """A failed download leaves the file at its path as it was."""
    target = tmp_path / "model"
    target.write_bytes(b"older")

    with pytest.raises(NoSuchObject):
        any_store.download("model", target)

    assert target.read_bytes() == b"older"


@pytest.mark.parametrize("size", [0, 1, 5_000_001])
def test_an_uploaded_file_is_the_object(any_store: ObjectStore, tmp_path: Path, size: int) -> None:
    """Upload stores the file's bytes and returns the etag that head returns."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))

    etag = any_store.upload("a/model", source, content_type=BYTES)

    assert (any_store.head("a/model").size, any_store.head("a/model").etag) == (size, etag)
    assert any_store.get("a/model").body == source.read_bytes()


def test_uploading_a_file_that_is_not_there_is_the_callers_mistake(any_store: ObjectStore, tmp_path: Path) -> None:
    """Uploading a missing file raises FileNotFoundError, not NoSuchObject, and stores nothing."""
    with pytest.raises(FileNotFoundError):
        any_store.upload("x", tmp_path / "missing", content_type=BYTES)

    assert keys_of(any_store) == []


def test_a_url_reads_the_object(any_store: ObjectStore) -> None:
    """Anyone with the URL can read the bytes, without credentials."""
    any_store.put("results/x.wav", b"RIFF", content_type="audio/wav")

    assert read_url(any_store.url("results/x.wav", expires_s=60)) == b"RIFF"


def test_a_usable_store_passes_its_check(any_store: ObjectStore) -> None:
    """An empty store passes the check, which leaves nothing in it."""
    any_store.check()

    assert keys_of(any_store) == []


def bad_keys() -> st.SearchStrategy[str]:
    segment = st.text(st.characters(exclude_characters="/\\", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
    spoilt = st.sampled_from(["", ".", "..", "a\\b", "a\nb", "\x00", "\x7f", "\x85", "\ud800", "x" * 256])
    keys = st.tuples(st.lists(segment, max_size=3), spoilt, st.lists(segment, max_size=3)).map(
        lambda parts: "/".join([*parts[0], parts[1], *parts[2]])
    )
    return keys | st.just("/".join(["x" * 200] * 6))


@given(key=bad_keys())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bad_key_is_refused_by_every_method(any_store: ObjectStore, tmp_path: Path, key: str) -> None:
    """Keys that could leave their folder, or that no store can hold, raise ValueError in every method and touch nothing."""
    calls: list[Callable[[], object]] = [
        lambda: any_store.get(key),
        lambda: any_store.head(key),
        lambda: any_store.create(key, b"", content_type=TEXT),
        lambda: any_store.replace(key, b"", etag="x", content_type=TEXT),
        lambda: any_store.put(key, b"", content_type=TEXT),
        lambda: any_store.delete(key),
        lambda: any_store.download(key, tmp_path / "target"),
        lambda: any_store.upload(key, Path(__file__), content_type=TEXT),
        lambda: any_store.url(key, expires_s=1),
    ]

    for call in calls:
        with pytest.raises(ValueError, match="not an object key"):
            call()
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "bucket").exists()


@given(key=st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_good_key_stays_below_its_folder(key: str) -> None:
    """Every accepted key leads to a path below the root that is spelled like the key."""
    root = Path("/root-of-keys")

    if is_key(key):
        path = Path(os.path.normpath(root / key))
        assert path.is_relative_to(root)
        assert path.relative_to(root).as_posix() == key
