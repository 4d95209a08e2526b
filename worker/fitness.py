"""
The fitness checks. RunPod's SDK runs them once, before the first job; one that raises ends the worker.

The SDK itself checks memory, the root disk, the network and, if nvidia-smi finds a GPU, its health. It doesn't notice a required
GPU that is missing, and knows neither bucket nor model cache. No model code is imported here: the driver is asked
through its own library, in milliseconds.
"""

import ctypes
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from pathlib import Path

from cloning.errors import ServiceError
from cloning.names import EngineName, public_name
from cloning.planning.engine_kinds import KINDS
from cloning.ports import ObjectStore
from cloning.settings import Settings
from cloning.versions import versions
from model_cache.families import FAMILIES

log = logging.getLogger(__name__)

Check = Callable[[], None]

# The worker leans on the insides of these two; every other version comes with the lock file.
EXACT = {"f5-tts": "1.1.22", "runpod": "1.12.0"}
PYTHONS = ((3, 11), (3, 12))
DRIVER = "libcuda.so.1"
_EXTRAS: Mapping[str, EngineName] = {kind.extra: kind.name for kind in KINDS.values() if kind.extra}
_SPEAKER_PACKAGES = {"resemblyzer": "resemblyzer", "wespeaker": "onnxruntime"}
_NO_DEVICE = 100
_PAUSES_S = (5.0, 10.0, 15.0, 30.0)
_TORCH_VERSION = "version.py"


class Unfit(RuntimeError):
    """The worker can't do its work; the message says why and what to do. (RunPod shows the first 256 characters.)"""


def checks(
    settings: Settings,
    store: ObjectStore,
    probe: Callable[[], object],
    problems: Callable[[], Mapping[str, ServiceError]] = dict,
) -> tuple[Check, ...]:
    """
    The checks, cheapest first; each raises Unfit. RunPod reports their names.

    `probe` tries to write to the store; `problems` returns the models of the settings that can't be loaded (by setting).
    """

    def check_versions() -> None:
        versions_are_known(versions(), sys.version_info[:2], settings.engines)
        package = _SPEAKER_PACKAGES.get(settings.speaker_model)
        if package and find_spec(package) is None:
            raise Unfit(
                f"SPEAKER_MODEL={settings.speaker_model}: {package} is not installed; build the image with SIMILARITY=1, "
                "install requirements-similarity.txt, or unset it"
            )
        if settings.phone_check == "pocketsphinx" and find_spec("pocketsphinx") is None:
            raise Unfit(
                "PHONE_CHECK=pocketsphinx (the default): pocketsphinx is not installed; install requirements.txt, or set PHONE_CHECK=off"
            )

    def check_gpu() -> None:
        gpu_is_usable(settings.device, torch_cuda=cuda_of_torch())

    def check_disk() -> None:
        disk_has_room(settings.model_cache_dir, bytes_needed(settings))

    def check_store() -> None:
        store_is_writable(store, probe)

    def check_models() -> None:
        tell_unusable_models(problems())

    return check_versions, check_gpu, check_disk, check_store, check_models


def versions_are_known(
    installed: Mapping[str, str | None], python: tuple[int, ...], engines: Collection[EngineName] = ()
) -> None:
    """Check that the packages of the engines that may speak are installed, and that those whose internals we use have the known versions."""
    missing = [name for name, version in installed.items() if version is None and name not in _EXTRAS]
    if missing:
        raise Unfit(f"{', '.join(missing)} not installed: install requirements.txt, or use the image as it is built")
    if tuple(python) not in PYTHONS:
        raise Unfit(f"Python {python[0]}.{python[1]} is not supported: use 3.11 or 3.12")
    for name, engine in _EXTRAS.items():
        if engine in engines and installed.get(name) is None:
            raise Unfit(
                f"ENGINE or FALLBACK names {engine} and {name} is not installed: install requirements-{engine}.txt, "
                f"or build the image with the argument {engine.upper()}=1"
            )
    for name, version in EXACT.items():
        if installed.get(name) != version:
            raise Unfit(f"{name} {installed.get(name)} is installed and {version} is needed: install requirements.txt")


def gpu_is_usable(device: str, *, torch_cuda: str | None, load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> None:
    """Check, with DEVICE=cuda, that the GPU is there and its driver supports torch's CUDA; `auto` refuses a broken GPU too."""
    if not device.startswith(("cuda", "auto")):
        return
    try:
        count, newest = _devices(load(DRIVER))
    except OSError:
        if device == "auto":
            return
        raise Unfit(
            f"DEVICE is {device!r} and there is no NVIDIA driver ({DRIVER}): choose a GPU for the endpoint, or set DEVICE=cpu"
        ) from None
    if count == 0 and device == "auto":
        return
    if count <= int(device.partition(":")[2] or 0):
        raise Unfit(f"DEVICE is {device!r} and the driver finds {count} GPU: choose a GPU, or set DEVICE=cpu")
    if torch_cuda is None or int(torch_cuda.split(".")[0]) > newest // 1000:
        raise Unfit(
            f"torch is built for CUDA {torch_cuda} and the driver knows up to {newest // 1000}.{newest % 1000 // 10}: "
            f"allow only newer drivers in the endpoint's CUDA versions, or set DEVICE=cpu"
        )


def _devices(cuda: ctypes.CDLL) -> tuple[int, int]:
    """The number of GPUs, and the newest CUDA that the driver supports (13000 is 13.0). Makes no context and takes no memory."""
    count, newest = ctypes.c_int(), ctypes.c_int()
    status = cuda.cuInit(0)
    if status == _NO_DEVICE:
        return 0, 0
    status = status or cuda.cuDeviceGetCount(ctypes.byref(count)) or cuda.cuDriverGetVersion(ctypes.byref(newest))
    if status:
        raise Unfit(f"the GPU's driver fails with CUDA error {status}: replace the worker, or set DEVICE=cpu")
    return count.value, newest.value


def cuda_of_torch() -> str | None:
    """The CUDA version that the installed torch is built for ('13.0'), read from its file; None for a CPU build."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    for line in Path(spec.origin).with_name(_TORCH_VERSION).read_text("utf-8").splitlines():
        if line.startswith("cuda"):
            value = line.partition("=")[2].strip().strip("'\"")
            return None if value == "None" else value
    return None


def bytes_needed(settings: Settings) -> int:
    """The bytes that the checkpoints of the engines that may speak will take in the model cache; 0 for one with a copy there."""
    cache = settings.model_cache_dir
    absent = [
        engine for engine in settings.engines if next(cache.glob(f"*/*/{FAMILIES[engine].weights}"), None) is None
    ]
    return sum(_checkpoint_bytes(engine, Path(KINDS[engine].checkpoint(settings))) for engine in absent)


def _checkpoint_bytes(engine: EngineName, folder: Path) -> int:
    """A folder's size twice: one copy, and one being made."""
    if not folder.is_dir():
        return FAMILIES[engine].cache_bytes
    return 2 * sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def disk_has_room(folder: Path, needed: int) -> None:
    """Check that the model cache can be written, and has room for so many bytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Unfit(
            f"MODEL_CACHE_DIR {public_name(str(folder))!r} can't be written ({error.strerror}) by user {os.getuid()}: "
            "make the folder once, from a Pod with the same network volume, and chmod 1777 it; or set another"
        ) from error
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unfit(
            f"the disk of MODEL_CACHE_DIR has {free / 1e9:.1f} GB free and the checkpoints need {needed / 1e9:.1f}: "
            "give the container a larger disk, or set MODEL_CACHE_DIR to a network volume"
        )


def tell_unusable_models(problems: Mapping[str, ServiceError]) -> None:
    """
    Log each setting that names a model which no attempt can load.

    The worker goes on: it answers all other actions, requests may name another checkpoint, and a worker that ends at its start
    would leave callers waiting for a reason.
    """
    for setting, problem in problems.items():
        log.warning("setting.unusable", extra={"setting": setting, "code": problem.code, "reason": problem.message})


def store_is_writable(
    store: ObjectStore, probe: Callable[[], object], *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """
    Check that the bucket lets us in; `probe` writes, replaces and removes an object there, and raises what is wrong.

    Failures that may pass are retried for a minute, because RunPod scales an endpoint down if its workers repeatedly end unfit.
    """
    for pause_s in (*_PAUSES_S, None):
        try:
            store.check()
            probe()
        except ServiceError as error:
            if pause_s is None or not error.retryable:
                raise Unfit(f"{error.code}: {error.message}") from error
            log.warning("store.waited_for", extra={"code": error.code, "seconds": pause_s})
            sleep(pause_s)
        else:
            return
