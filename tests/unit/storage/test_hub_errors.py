"""The hub's own cache, after a file was taken from it."""

from pathlib import Path

from model_cache.hub import drop


def test_a_file_that_was_taken_leaves_the_hubs_cache(tmp_path: Path) -> None:
    """The link and its bytes are removed from the hub's cache; a hard link to the same bytes stays."""
    hub = tmp_path / "hub"
    blob, link, taken = hub / "blobs" / "etag", hub / "snapshots" / "main" / "model.safetensors", tmp_path / "copy"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    taken.hardlink_to(blob)
    link.symlink_to("../../blobs/etag")

    drop(link, hub)

    assert not blob.exists()
    assert not link.is_symlink()
    assert taken.read_bytes() == b"weights"


def test_nothing_outside_of_the_hubs_cache_is_dropped(tmp_path: Path) -> None:
    """A file from elsewhere, and bytes outside the hub's cache that a link in it points to, stay."""
    hub, outside = tmp_path / "hub", tmp_path / "outside"
    hub.mkdir()
    outside.write_bytes(b"x")
    (hub / "link").symlink_to(outside)

    drop(outside, hub)
    drop(hub / "link", hub)

    assert outside.read_bytes() == b"x"
