"""What a worker needs before it takes jobs, and what it says if that is missing."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloning.errors import StorageMisconfigured, StorageUnavailable
from cloning.jobs.conditional_writes import Conditions
from cloning.names import EngineName
from cloning.settings import Settings
from model_cache.families import FAMILIES
from storage.folder_store import FolderStore
from worker.fitness import (
    Unfit,
    bytes_needed,
    checks,
    cuda_of_torch,
    disk_has_room,
    gpu_is_usable,
    store_is_writable,
)


def driver(count: int = 1, newest: int = 13000, status: int = 0) -> Any:
    """As much of libcuda as is needed."""

    def fill(pointer: Any, value: int) -> int:
        pointer._obj.value = value
        return 0

    return lambda _: SimpleNamespace(
        cuInit=lambda _: status,
        cuDeviceGetCount=lambda pointer: fill(pointer, count),
        cuDriverGetVersion=lambda pointer: fill(pointer, newest),
    )


def no_driver(_: str) -> Any:
    raise OSError("libcuda.so.1: cannot open shared object file")


def test_a_bare_machine_is_fit(settings: Settings, store: FolderStore) -> None:
    """With the defaults a bare machine is fit; nothing is left behind, and no model code is imported."""
    for check in checks(settings, store, Conditions(store, lambda: "w1").probe):
        check()

    assert list(store.list()) == []


def test_the_checks_have_names_that_runpod_reports(settings: Settings, store: FolderStore) -> None:
    """The checks have the names that RunPod reports, the cheapest first."""
    names = [check.__name__ for check in checks(settings, store, Conditions(store, lambda: "w1").probe)]

    assert names == ["check_versions", "check_gpu", "check_disk", "check_store", "check_models"]


@pytest.mark.parametrize(
    ("device", "load", "torch_cuda", "says"),
    [
        ("cuda", no_driver, "13.0", "no NVIDIA driver"),
        ("cuda:1", driver(count=1), "13.0", "finds 1 GPU"),
        ("cuda", driver(status=100), "13.0", "finds 0 GPU"),
        ("cuda", driver(status=802), "13.0", "CUDA error 802"),
        ("auto", driver(status=999), "13.0", "CUDA error 999"),
        ("cuda", driver(newest=12080), "13.0", "knows up to 12.8"),
        ("auto", driver(newest=12080), "13.0", "built for CUDA 13.0"),
        ("cuda", driver(), None, "built for CUDA None"),
    ],
    ids=[
        "no-driver",
        "no-second-gpu",
        "no-device",
        "not-ready",
        "auto-broken",
        "old-driver",
        "auto-old-driver",
        "torch-without-cuda",
    ],
)
def test_a_gpu_that_is_wanted_and_can_not_be_used_is_told(
    device: str, load: Any, torch_cuda: str | None, says: str
) -> None:
    """A required GPU that can't be used is reported within RunPod's 256 characters; a broken GPU doesn't silently mean the CPU."""
    with pytest.raises(Unfit, match=says) as failure:
        gpu_is_usable(device, torch_cuda=torch_cuda, load=load)

    assert len(f"Unfit: {failure.value}") <= 256
    assert "set DEVICE=cpu" in str(failure.value)


@pytest.mark.parametrize(
    ("device", "load"),
    [
        ("cuda", driver()),
        ("cuda:1", driver(count=2)),
        ("cuda", driver(newest=13020)),
        ("auto", no_driver),
        ("auto", driver(status=100)),
        ("cpu", no_driver),
    ],
    ids=["there", "second", "newer-driver", "auto-no-driver", "auto-no-device", "cpu"],
)
def test_a_gpu_that_is_there_or_not_wanted_is_fine(device: str, load: Any) -> None:
    """`auto` accepts a machine with or without a GPU."""
    gpu_is_usable(device, torch_cuda="13.0", load=load)


def test_torchs_cuda_is_read_without_importing_torch() -> None:
    """The CUDA version of torch is read from its own file without importing it, and is the same."""
    import torch

    assert cuda_of_torch() == torch.version.cuda


def test_a_disk_without_room_is_told(tmp_path: Path) -> None:
    """A disk without room is reported, with what to do."""
    with pytest.raises(Unfit, match="larger disk"):
        disk_has_room(tmp_path, 10**18)

    disk_has_room(tmp_path, 0)


@pytest.mark.parametrize(("engine", "file"), [("f5", "model.safetensors"), ("xtts", "model.pth")])
def test_what_is_there_needs_no_room(engine: EngineName, file: str, settings: Settings) -> None:
    """A worker that needs to fetch nothing starts on a full disk; what the other engine needs still counts."""
    chosen = settings.model_copy(update={"engine": engine, "fallback": tuple({"f5", "xtts"} - {engine})})
    both = bytes_needed(chosen)
    copy = settings.model_cache_dir / "any" / ("0" * 64)
    copy.mkdir(parents=True)
    (copy / file).touch()

    assert bytes_needed(chosen.model_copy(update={"fallback": ()})) == 0
    assert bytes_needed(chosen) == both - FAMILIES[engine].cache_bytes


def test_every_engine_that_may_speak_needs_room(settings: Settings, tmp_path: Path) -> None:
    """Every engine that may speak needs room, a fallback too: a folder's own size, or a full-size checkpoint's for a name."""
    (tmp_path / "mine" / "vocoder").mkdir(parents=True)
    (tmp_path / "mine" / "vocoder" / "weights.bin").write_bytes(b"0" * 1000)
    small = settings.model_copy(update={"checkpoint": str(tmp_path / "mine")})

    assert bytes_needed(settings) == FAMILIES["f5"].cache_bytes
    assert bytes_needed(small) == 2000
    assert bytes_needed(small.model_copy(update={"fallback": ("xtts",)})) == 2000 + FAMILIES["xtts"].cache_bytes
    assert bytes_needed(small.model_copy(update={"engine": "xtts"})) == FAMILIES["xtts"].cache_bytes


def test_a_cache_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """A cache that can't be written is reported by the setting's name, without a path of this machine."""
    (tmp_path / "file").touch()
    with pytest.raises(Unfit, match="MODEL_CACHE_DIR 'models' can't be written") as failure:
        disk_has_room(tmp_path / "file" / "models", 0)

    assert str(tmp_path) not in str(failure.value)


def test_a_volume_of_roots_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that belongs to root is reported with the user and what to do, within RunPod's 256 characters."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # these tests may run as root, whom no mode stops
    with pytest.raises(Unfit, match=rf"\(Permission denied\).*user {os.getuid()}\b.*chmod 1777") as failure:
        disk_has_room(tmp_path / "models", 0)

    assert len(f"Unfit: {failure.value}") <= 256


def test_a_cache_folder_that_takes_no_file_is_told() -> None:
    """A volume that is mounted read-only is reported (here: a folder in which not even root may make a file)."""
    with pytest.raises(Unfit, match=r"MODEL_CACHE_DIR .*can't be written.*or set another"):
        disk_has_room(Path("/proc/self"), 0)


def test_a_store_that_can_not_be_written_is_told(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that can't be written is reported in its own words; being let in isn't enough."""

    def refuse(*_: object, **__: object) -> str:
        raise StorageMisconfigured("the bucket refuses to be written (AccessDenied): allow s3:PutObject")

    monkeypatch.setattr(store, "create", refuse)
    with pytest.raises(Unfit, match=r"STORAGE_MISCONFIGURED: .*allow s3:PutObject"):
        store_is_writable(store, Conditions(store, lambda: "w1").probe, sleep=never)


def never(_: float) -> None:
    pytest.fail("nothing that lasts should be waited for")


def test_a_store_that_does_not_let_us_in_is_told(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that refuses the worker is reported at once, before anything is written."""

    def closed() -> None:
        raise StorageMisconfigured("the store refuses us")

    monkeypatch.setattr(store, "check", closed)
    with pytest.raises(Unfit, match="STORAGE_MISCONFIGURED"):
        store_is_writable(store, lambda: pytest.fail("nothing should be written"), sleep=never)


def test_an_outage_that_passes_costs_no_worker(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts during an outage waits a minute, because RunPod takes back endpoints whose workers keep failing."""
    check, failures, slept = store.check, iter(range(3)), list[float]()

    def away() -> None:
        if next(failures, None) is not None:
            raise StorageUnavailable("the bucket does not answer")
        check()

    monkeypatch.setattr(store, "check", away)
    store_is_writable(store, Conditions(store, lambda: "w1").probe, sleep=slept.append)

    assert len(slept) == 3
    assert list(store.list()) == []


def test_an_outage_that_lasts_is_told(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lasting outage is reported after a minute, well within the seven that RunPod gives a worker to start."""
    slept: list[float] = []

    def away() -> None:
        raise StorageUnavailable("the bucket does not answer")

    monkeypatch.setattr(store, "check", away)
    with pytest.raises(Unfit, match="STORAGE_UNAVAILABLE"):
        store_is_writable(store, lambda: pytest.fail("nothing should be written"), sleep=slept.append)

    assert 50 <= sum(slept) <= 70
