"""What is special about a folder: what it shows of the disk, what it can't hold, and what its etags are made of."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloning.errors import Conflict, StorageMisconfigured
from cloning.ports import Changed, NoSuchObject
from storage.folder_store import FolderStore
from tests.contract.conftest import keys_of

TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


def test_every_write_is_a_new_version_even_of_the_same_bytes(tmp_path: Path) -> None:
    """An etag is no digest: writing equal bytes again makes another version, even if the clock stands still."""
    folder = FolderStore(tmp_path, now_ns=lambda: 1_700_000_000_000_000_000)

    first, *later = [folder.put("x", b"same", content_type=TEXT) for _ in range(5)]

    assert len({first, *later}) == 5
    with pytest.raises(Changed):
        folder.replace("x", b"same", etag=first, content_type=TEXT)


@pytest.mark.parametrize(("there", "wanted"), [("p", "p/q"), ("p", "p/q/r"), ("p/q", "p"), ("p/q/r", "p/q")])
def test_an_object_and_objects_below_it_cannot_both_be(folder: FolderStore, there: str, wanted: str) -> None:
    """A folder refuses an object whose key is another's folder, as a bucket would not, and keeps what it has."""
    folder.put(there, b"first", content_type=TEXT)

    with pytest.raises(Conflict):
        folder.create(wanted, b"second", content_type=TEXT)
    with pytest.raises(Conflict):
        folder.put(wanted, b"second", content_type=TEXT)

    assert keys_of(folder) == [there]


def test_what_the_store_keeps_for_itself_is_no_object(folder: FolderStore, tmp_path: Path) -> None:
    """The lock and temporary files of the store can't be listed, read or written."""
    folder.put("x", b"", content_type=TEXT)

    hidden = [path.name for path in (tmp_path / "bucket" / ".store").iterdir()]

    assert hidden == ["lock"]
    assert keys_of(folder) == ["x"]
    for key in (".store/lock", ".store", ".store/x"):
        with pytest.raises(ValueError, match="belongs to the folder store"):
            folder.put(key, b"", content_type=TEXT)


def test_a_file_dropped_into_the_folder_is_an_object(folder: FolderStore, tmp_path: Path) -> None:
    """A voice copied into the folder by hand is listed, read, replaced and deleted."""
    voices = tmp_path / "bucket" / "voices"
    voices.mkdir(parents=True)
    (voices / "x.wav").write_bytes(b"RIFF")

    (info,) = folder.list("voices/")
    folder.replace("voices/x.wav", b"RIFX", etag=info.etag, content_type="audio/wav")

    assert (info.key, info.size) == ("voices/x.wav", 4)
    assert folder.get("voices/x.wav").body == b"RIFX"


def test_links_and_unfit_names_are_not_listed(folder: FolderStore, tmp_path: Path) -> None:
    """A listing leaves out links and files whose names are no keys."""
    folder.put("a/x", b"", content_type=TEXT)
    root = tmp_path / "bucket"
    (root / "a" / "back\\slash").touch()
    (root / "a" / "loop").symlink_to(root)
    (root / "link").symlink_to(root / "a" / "x")
    (root / "empty").mkdir()

    assert keys_of(folder) == ["a/x"]


def test_a_root_that_is_a_file_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """If DATA_DIR is a file, the check and every write say that it must be a folder; a read finds nothing."""
    root = tmp_path / "file"
    root.touch()
    folder = FolderStore(root)

    with pytest.raises(StorageMisconfigured, match="DATA_DIR") as refused:
        folder.check()
    with pytest.raises(StorageMisconfigured):
        folder.create("x", b"", content_type=TEXT)
    with pytest.raises(NoSuchObject):
        folder.get("x")

    assert refused.value.details == {"os_code": "ENOTDIR", "operation": "check"}


def test_a_relative_root_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is resolved when the store is made, not at each call."""
    monkeypatch.chdir(tmp_path)
    folder = FolderStore(Path("bucket"))
    monkeypatch.chdir("/")

    folder.put("x", b"", content_type=TEXT)

    assert (tmp_path / "bucket" / "x").is_file()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from cloning.errors import StorageUnavailable
from storage.folder_store import FolderStore

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = FolderStore(Path(sys.argv[1]))
folder.put("x", b"before", content_type="text/plain")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    folder.put("x", b"after" * 4096, content_type="text/plain")
except StorageUnavailable as error:
    sys.exit(0 if error.details == {"os_code": "EFBIG", "operation": "put"} else 2)
sys.exit(1)
"""


def test_a_disk_that_takes_no_more_is_storage_unavailable(folder: FolderStore, tmp_path: Path) -> None:
    """A write that stops half-way fails as a whole and leaves nothing behind (a process limit stands in for a full disk)."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "bucket")], check=False, cwd=Path(__file__).parents[3]
    )

    assert done.returncode == 0
    assert folder.get("x").body == b"before"
    assert [path.name for path in (tmp_path / "bucket" / ".store").iterdir()] == ["lock"]
