"""What the checkpoint cache keeps, evicts and shares: leases, eviction, leftovers, a failing disk, and publishing."""

import errno
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors

from cloning.errors import CheckpointUnusable, StorageUnavailable
from model_cache.cache import CheckpointCache
from model_cache.catalog import BUCKET, CARD, Checkpoint, find
from model_cache.copies.eviction import copies_in, evict
from model_cache.copies.lease import InUse, alone
from model_cache.copies.record import Dtype
from model_cache.copies.shelf import Shelf, staging_prefix
from model_cache.library import Library
from model_cache.local_checkpoint import LocalCheckpoint
from storage.folder_store import FolderStore
from tests.machines import CountingStore, Hub, files_under, kill, python, retrained, same_weights

NAME = "tiny-random-0"
HOLD = """
import sys
from pathlib import Path
from storage.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
local = CheckpointCache(FolderStore(Path(sys.argv[1])), Path(sys.argv[2])).local(find(sys.argv[3]))
print(local.came_from, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bucket(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "bucket")


def put_into_bucket(folder: Path, bucket: FolderStore, name: str = "mine") -> Checkpoint:
    """Upload the folder as its owner would: unchanged, under checkpoints/<name>/."""
    card = json.loads((folder / CARD).read_text()) | {"name": name}
    (folder / CARD).write_text(json.dumps(card))
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"checkpoints/{name}/{path.relative_to(folder).as_posix()}"
            bucket.put(key, path.read_bytes(), content_type="x/y")
    return Library(bucket).find(name)


def three(folder: Path, make: Callable[[Checkpoint], LocalCheckpoint]) -> list[LocalCheckpoint]:
    """Fetch three checkpoints of the same size, one after the other."""
    found = []
    for times in (1.5, 2.0, 2.5):
        retrained(folder / "model.safetensors", times)
        found.append(make(replace(find(str(folder)), name=f"c{times:g}")))
    return found


def names_in(root: Path) -> list[str]:
    return [copy.name for copy in copies_in(root)]


def test_the_least_recently_used_goes_first(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The least recently used copy is evicted first, even if it was fetched last."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    found = three(folder, cache.local)
    size = copies_in(tmp_path / "m")[0].size
    for local in found:
        local.lease.release()
    cache.local(replace(found[2].checkpoint)).lease.release()  # its file is the folder's still

    gone = evict(tmp_path / "m", 2 * size)

    assert [copy.name for copy in gone] == ["c1.5"]
    assert names_in(tmp_path / "m") == ["c2", "c2.5"]
    assert not list((tmp_path / "m" / "c1.5").glob("*/*"))


def test_what_is_in_use_is_never_evicted(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """With too small a limit other copies are evicted as they are released; a loaded one keeps its files."""
    cache = CheckpointCache(bucket, tmp_path / "m", max_bytes=1)

    held = three(folder, cache.local)

    assert names_in(tmp_path / "m") == ["c1.5", "c2", "c2.5"]
    held[0].lease.release()
    held[1].lease.release()
    assert [copy.name for copy in evict(tmp_path / "m", 1)] == ["c1.5", "c2"]
    assert held[2].model_path.is_file()


def test_another_process_in_use_counts_until_it_dies(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The lease is a kernel lock, so it ends when its process is killed."""
    user = python(HOLD, tmp_path / "bucket", tmp_path / "m", folder)
    assert user.stdout is not None
    assert user.stdout.readline() == "folder\n"

    assert evict(tmp_path / "m", 0) == []
    kill(user)

    assert [copy.name for copy in evict(tmp_path / "m", 0)] == [NAME]


def test_a_lease_ends_with_its_holder(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """Nobody has to release a lease: it ends when nothing refers to the checkpoint any more."""
    local = CheckpointCache(bucket, tmp_path / "m").local(find(str(folder)))
    assert evict(tmp_path / "m", 0) == []

    del local

    assert len(evict(tmp_path / "m", 0)) == 1


def test_an_evicted_checkpoint_comes_back_from_the_bucket(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """An evicted checkpoint is fetched from the bucket again."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    evict(tmp_path / "m", 0)

    assert cache.local(find(str(folder))).came_from == "bucket"


def test_two_cold_processes_make_one_download(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """Two processes that start at once on one cache make one download."""
    CheckpointCache(bucket, tmp_path / "first").local(find(str(folder)))
    both = [python(HOLD, tmp_path / "bucket", tmp_path / "m", folder) for _ in range(2)]

    told = sorted(process.stdout.readline() for process in both if process.stdout)

    for process in both:
        kill(process)
    assert told == ["bucket\n", "local\n"]


def test_leftovers_of_the_dead_are_cleared(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The staging folder of a killed process is removed by the next fetch; one that another machine is filling stays."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    shelf = tmp_path / "m" / NAME
    for name in (f"{staging_prefix()}dead", ".staging-elsewhere-alive"):
        (shelf / name).mkdir()
        (shelf / name / "model.safetensors").write_bytes(b"half")
    evict(tmp_path / "m", 0)

    cache.local(find(str(folder)))

    assert [path.name for path in shelf.glob(".*")] == [".staging-elsewhere-alive"]


def test_a_worker_that_died_while_publishing_is_made_good(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """A copy that its dead worker had not published is published by the next load; the load after that asks the bucket for nothing."""
    hub = Hub(folder / "model.safetensors")
    bucket.gone = True
    CheckpointCache(bucket, tmp_path / "a", hub).local(on_hub)
    bucket.gone = False

    again = [CheckpointCache(bucket, tmp_path / "a", hub).local(on_hub).came_from for _ in range(2)]

    assert again == ["local", "local"]
    assert len(bucket.uploads) == 1
    assert CheckpointCache(bucket, tmp_path / "b", hub).local(on_hub).came_from == "bucket"


def test_workers_that_publish_at_once_end_in_one_object(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """Four cold machines publish the same bytes under the same keys, and one record names them."""
    hub = Hub(folder / "model.safetensors")
    caches = [CheckpointCache(bucket, tmp_path / f"m{n}", hub) for n in range(4)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda cache: cache.local(on_hub), caches))

    assert len({local.sha256 for local in found}) == 1
    assert [info.key for info in bucket.list()] == [
        f"checkpoints/{NAME}/{found[0].model_path.parent.name}/{name}" for name in (CARD, "model.safetensors")
    ]
    assert CheckpointCache(bucket, tmp_path / "late", hub).local(on_hub).came_from == "bucket"


def test_what_the_bucket_has_is_not_sent_again(
    on_hub: Checkpoint, folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """What another machine published while this one repaired is not sent again."""
    hub = Hub(folder / "model.safetensors")
    bucket.gone = True
    late = CheckpointCache(bucket, tmp_path / "late", hub)
    late.local(on_hub)
    bucket.gone = False
    CheckpointCache(bucket, tmp_path / "early", hub).local(on_hub)
    assert len(bucket.uploads) == 1

    late.local(on_hub)

    assert len(bucket.uploads) == 1


def test_a_bucket_that_goes_away_is_named_and_costs_nothing(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """If the bucket goes away, the failure is retryable and named, older copies still load, and the next call goes on."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    CheckpointCache(bucket, tmp_path / "other").local(find(str(folder)))
    bucket.gone = True

    with pytest.raises(StorageUnavailable) as caught:
        cache.local(find(str(folder)))

    assert caught.value.retryable
    bucket.gone = False
    assert cache.local(find(str(folder))).came_from == "bucket"


def test_a_full_disk_leaves_the_cache_as_it_was(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A full disk raises an error that says what to do; the older copy stays whole and nothing half-made is left."""
    CheckpointCache(bucket, tmp_path / "m").local(find(str(folder))).lease.release()
    retrained(folder / "model.safetensors", 3.0)
    before = files_under(tmp_path / "m")
    script = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from cloning.errors import DiskFull\n"
        f"try:\n    exec({HOLD!r})\nexcept DiskFull as error:\n    print(error.message)\n"
    )

    told, _ = python(script, tmp_path / "bucket", tmp_path / "m", folder).communicate()

    assert told.startswith("the disk is full: make room, or set MODEL_CACHE_MAX_GB")
    assert files_under(tmp_path / "m") == before


def test_a_copy_on_a_disk_without_writing_is_used(
    folder: Path, bucket: CountingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy on a volume that is mounted read-only is used; nothing is written there, and nothing is published."""
    cache = CheckpointCache(bucket, tmp_path / "m")
    cache.local(find(str(folder))).lease.release()
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "m").rglob("*"))
    opened = os_open_refusing_writes(tmp_path / "m")
    monkeypatch.setattr("os.open", opened)
    monkeypatch.setattr("os.utime", refuse)
    monkeypatch.setattr("os.access", lambda *_: False)

    assert cache.local(find(str(folder))).came_from == "local"
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "m").rglob("*")) == before


def os_open_refusing_writes(folder: Path) -> Callable[..., int]:
    """Let os.open fail below the folder as on a read-only disk: the tests run as root, who may write anywhere."""
    real = os.open

    def opened(path: object, flags: int, *rest: object, **more: object) -> int:
        if str(path).startswith(str(folder)) and flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    return opened


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def test_an_owner_may_put_a_checkpoint_into_the_bucket(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """The first worker repairs a folder that its owner uploaded; the second fetches only the repaired bytes."""
    checkpoint = put_into_bucket(folder, bucket)
    first = CheckpointCache(bucket, tmp_path / "a").local(checkpoint)
    bucket.downloads.clear()

    second = CheckpointCache(bucket, tmp_path / "b").local(Library(bucket).find("mine"))

    assert (first.came_from, second.came_from, first.repaired) == ("bucket", "bucket", True)
    assert same_weights(folder / "model.safetensors", second.model_path)
    moved = {info.key.rsplit("/", 1)[1]: info.size for info in bucket.downloads}
    assert {info.key.split("/")[2] for info in bucket.downloads} == {second.model_path.parent.name}
    assert moved["model.safetensors"] == second.model_path.stat().st_size
    assert len(moved) == 4


def test_a_new_file_in_the_bucket_is_noticed(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """If the owner uploads other weights under the same name, neither the disk nor the bucket answers with the old ones."""
    checkpoint = put_into_bucket(folder, bucket)
    cache = CheckpointCache(bucket, tmp_path / "a")
    old = cache.local(checkpoint)
    retrained(folder / "model.safetensors", 2.0)
    bucket.put("checkpoints/mine/model.safetensors", (folder / "model.safetensors").read_bytes(), content_type="x/y")

    assert cache.local(checkpoint).sha256 != old.sha256


def test_a_card_in_the_bucket_can_not_lead_out_of_its_folder(folder: Path, bucket: CountingStore) -> None:
    """Neither '..' nor another checkpoint's name in a card leads out of the checkpoint's folder."""
    for change in ({"model": "../other/model.safetensors"}, {"vocab": "/etc/passwd"}, {"name": "other"}):
        put_into_bucket(folder, bucket)
        card = json.loads((folder / CARD).read_text()) | change
        bucket.put(f"checkpoints/mine/{CARD}", json.dumps(card).encode(), content_type="x/y")
        with pytest.raises(CheckpointUnusable):
            Library(bucket).find("mine")


def test_a_file_that_the_owner_forgot_is_named(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A file that the card names and the bucket lacks is named in the error."""
    checkpoint = put_into_bucket(folder, bucket)
    bucket.delete("checkpoints/mine/vocab.txt")

    with pytest.raises(CheckpointUnusable, match=r"no file vocab\.txt"):
        CheckpointCache(bucket, tmp_path / "a").local(checkpoint)
    assert checkpoint.source == f"{BUCKET}checkpoints/mine/model.safetensors"


def test_halved_weights_are_those_that_the_gpu_would_have(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """F5-TTS casts to fp16 as it loads on a GPU; the halved file holds exactly those bits, at half the size."""
    import torch

    whole = CheckpointCache(bucket, tmp_path / "a").local(find(str(folder)))
    halved = CheckpointCache(bucket, tmp_path / "b", dtype="fp16").local(find(str(folder)))

    cast = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_tensors(whole.model_path).items()
    }
    found = load_tensors(halved.model_path)
    assert cast.keys() == found.keys()
    for name, tensor in cast.items():
        assert tensor.dtype == found[name].dtype, name
        assert tensor.numpy().tobytes() == found[name].numpy().tobytes(), name
    assert halved.model_path.stat().st_size < 0.51 * whole.model_path.stat().st_size
    assert np.dtype("float32") in {array.dtype for array in load_file(whole.model_path).values()}


def test_the_official_loader_gives_the_same_model_from_either(
    folder: Path, bucket: CountingStore, tmp_path: Path
) -> None:
    """f5_tts's own `load_checkpoint` gives bit for bit the same model from either file, in the dtype of a GPU."""
    import torch

    from engines.imports.f5 import import_f5

    def loaded(local: LocalCheckpoint) -> dict[str, torch.Tensor]:
        f5 = import_f5()
        from f5_tts.model import DiT

        model = f5.load_model(DiT, local.arch, str(local.model_path), vocab_file=str(local.vocab_path), device="cpu")
        model = f5.load_checkpoint(model, str(local.model_path), "cpu", dtype=torch.float16)
        state: dict[str, torch.Tensor] = model.state_dict()
        return state

    precisions: tuple[Dtype, Dtype] = ("keep", "fp16")
    whole, halved = (
        loaded(CheckpointCache(bucket, tmp_path / dtype, dtype=dtype).local(find(str(folder)))) for dtype in precisions
    )

    assert whole.keys() == halved.keys()
    for name, tensor in whole.items():
        assert tensor.dtype == halved[name].dtype == torch.float16 or not tensor.is_floating_point()
        assert tensor.numpy().tobytes() == halved[name].numpy().tobytes(), name


def test_each_precision_is_published_for_itself(folder: Path, bucket: CountingStore, tmp_path: Path) -> None:
    """A worker that wants whole weights never gets halved ones, nor the other way round."""
    precisions: tuple[Dtype, Dtype] = ("keep", "fp16")

    def brought(machine: str) -> list[LocalCheckpoint]:
        return [
            CheckpointCache(bucket, tmp_path / f"{machine}-{dtype}", dtype=dtype).local(find(str(folder)))
            for dtype in precisions
        ]

    first, second = brought("first"), brought("second")

    assert [local.came_from for local in second] == ["bucket", "bucket"]
    assert [local.sha256 for local in second] == [local.sha256 for local in first]
    assert first[0].sha256 != first[1].sha256


def test_what_the_cache_did_not_make_is_left_alone(tmp_path: Path) -> None:
    """MODEL_CACHE_DIR may be a folder or repository of somebody's own checkpoints: files that the cache didn't make stay."""
    theirs = tmp_path / "mine" / "emma-voice"
    for folder in (theirs, tmp_path / "mine" / ".git"):
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").write_text('{"name": "emma"}', encoding="utf-8")
        os.utime(folder / "checkpoint.json", (0, 0))
        os.utime(folder, (0, 0))

    evict(tmp_path, 0)
    with Shelf(tmp_path, "mine").one_writer():
        pass

    assert (theirs / "checkpoint.json").exists()
    assert (tmp_path / "mine" / ".git" / "checkpoint.json").exists()


def test_a_childs_end_does_not_free_its_parents_copy(tmp_path: Path) -> None:
    """When a forked child exits, the copy that its parent uses keeps its lease."""
    folder = tmp_path / "copy"
    lease = InUse(folder)
    child = os.fork()
    if child == 0:
        lease.release()
        os._exit(0)
    os.waitpid(child, 0)

    with alone(folder) as free:
        assert not free
    lease.release()
