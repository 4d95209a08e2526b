"""The models of a worker: engines by the names of checkpoints, and the speech recogniser."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cloning.clock import SystemClock, Timings, no_timings, timed
from cloning.errors import CheckpointUnusable
from cloning.names import EngineName
from cloning.planning.xtts import LANGUAGES
from cloning.ports import Alphabet, Clock, Engine, ObjectStore, Transcriber
from cloning.settings import Settings
from engines.alphabets import f5_knows, vocabulary_at
from engines.device.lazy import Lazy
from engines.device.placement import free_memory
from engines.device.prefetch import Prefetch
from engines.device.verdicts import Prove, Verdicts
from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.f5.vocoder import vocoder_config
from engines.imports.f5 import importing_f5
from engines.whisper.files import check_asr_model
from engines.whisper.transcriber import WhisperTranscriber
from engines.xtts import XttsEngine, XttsFiles, expect_available, import_xtts
from model_cache.background import Errands, Later, at_once
from model_cache.cache import CheckpointCache
from model_cache.catalog import Checkpoint
from model_cache.copies.eviction import GB
from model_cache.copies.lease import InUse
from model_cache.library import Library
from model_cache.local_checkpoint import LocalCheckpoint
from model_cache.progress import Watch, unwatched
from storage.folder_store import FolderStore
from storage.plain_text import NotText, vocabulary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """
    A checkpoint that was looked up by `name`; equal to any other of that name.

    `lookup` counts the look-ups of this process; 0 stands for a loaded engine's checkpoint.
    """

    name: str
    checkpoint: Checkpoint = field(compare=False)
    lookup: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name


class EngineModels:
    """
    Engines by the names of checkpoints, one loaded at a time. See `cloning.ports.Engines`.

    The checkpoint decides which engine it is for. Its files are fetched and repaired by the cache at the first use, and stay on this
    disk as long as the engine does.
    """

    def __init__(self, settings: Settings, store: ObjectStore, make_room: Callable[[], None]) -> None:
        self._settings = settings
        self._errands = Errands()
        self._cache = make_cache(settings, store, later=self._errands.add)
        self._library = Library(store)
        self._verdicts = make_verdicts(settings, store)
        self._lookups = count(1)
        self._fetched: dict[str, int] = {}  # by name, the last look-up whose files were asked for
        self._early = Prefetch(self._fetch)
        self._loaded: Found | None = None
        self._lease: InUse | None = None
        self._lazy = Lazy(self._load, describe=_described, make_room=make_room, free=free_memory, let_go=self._release)
        self.unload = self._lazy.unload
        self.loaded = self._lazy.loaded

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> Found:
        if engine == "xtts":
            expect_available(license_accepted=self._settings.xtts_license_accepted)
        found = self._loaded
        if found is None or found.name != name:
            found = Found(name, self._library.find(name), next(self._lookups))
        self._library.check(name, engine=engine, commercial=commercial, language=language, known=found.checkpoint)
        _check_vocoder(self._settings, found.checkpoint)
        return found

    def alphabet(self, found: Found, language: str | None) -> Alphabet | None:  # noqa: ARG002 - F5-TTS has one for all languages
        try:
            return alphabet_of(found.checkpoint)
        except (OSError, NotText):  # told where the checkpoint is needed
            return None

    def prefetch(self, found: Found) -> AbstractContextManager[None]:
        return nullcontext() if self._loaded == found else self._early.ahead(found)

    def get(self, found: Found, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        return self._lazy.get(found, device=device, part=part)

    def _fetch(self, found: Found) -> LocalCheckpoint:
        """Fetch the checkpoint's files. If they are needed again later the checkpoint is looked up again: the bucket may have another by then."""
        if found.lookup <= self._fetched.get(found.name, 0):
            return self._cache.local(self._library.find(found.name))
        self._fetched[found.name] = found.lookup
        return self._cache.local(found.checkpoint)

    def _load(self, found: Found, device: str | None, part: Timings) -> Engine:
        try:
            with importing_f5(part) if found.checkpoint.engine == "f5" else nullcontext(), timed(part, "fetch"):
                local = self._early.take(found)
            engine = self._engine(local, device or self._settings.device, part)
        finally:
            self._errands.begin()  # what the cache has to publish, now that nobody waits for this disk and processor
        self._loaded, self._lease = Found(found.name, local.checkpoint), local.lease
        facts = {"engine": engine.facts.engine, "checkpoint": engine.facts.checkpoint, "device": engine.facts.device}
        log.info("engine.loaded", extra=facts)
        return engine

    def _engine(self, local: LocalCheckpoint, device: str, part: Timings) -> Engine:
        try:
            return load_engine(self._cache, local, self._settings, device, part, self._verdicts.prove)
        except BaseException:
            local.lease.release()
            raise

    def _release(self) -> None:
        """Release the engine's files: other processes may evict them."""
        self._loaded = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None


class Recognisers(Lazy[Transcriber]):
    """Whisper, loaded for the first voice without a transcript."""

    def __init__(self, settings: Settings, make_room: Callable[[], None]) -> None:
        super().__init__(
            lambda name, device, _: WhisperTranscriber.load(str(name), device or settings.device),
            describe=lambda transcriber: {"model": transcriber.model, **transcriber.memory()},
            make_room=make_room,
            free=free_memory,
        )

    def check(self, name: str) -> None:
        """Check whether the name can be loaded at all; it is the deployment's, never a caller's."""
        check_asr_model(name)


def load_engine(
    cache: CheckpointCache,
    local: LocalCheckpoint,
    settings: Settings,
    device: str,
    part: Timings = no_timings,
    prove: Prove | None = None,
) -> Engine:
    """Load the checkpoint's engine and time the parts of the load. `prove` is called for a GPU's fast sampler and its kernels. Raises CheckpointUnusable, and what the hub and the device do."""
    if local.checkpoint.engine == "xtts":
        with timed(part, "import"):
            import_xtts()
        with timed(part, "weights"):
            return XttsEngine.load(xtts_files(local), device, license_accepted=settings.xtts_license_accepted)
    with timed(part, "fetch"):
        default = None if settings.vocoder_path or local.vocoder_path else cache.vocoder()
    vocoder = default.vocoder_path if default else settings.vocoder_path
    with timed(part, "weights"):
        return F5Engine.load(f5_files(local, vocoder), device, settings.sampler, prove, settings.kernels)


def alphabet_of(checkpoint: Checkpoint) -> Alphabet | None:
    """
    F5-TTS's alphabet for this checkpoint, if its vocabulary is on this disk and certainly belongs to its weights.

    For a checkpoint in the bucket that is only certain when it has been fetched: before that no text is judged by it. Raises NotText, OSError.
    """
    if checkpoint.engine != "f5" or checkpoint.in_bucket or not (path := vocabulary_at(checkpoint.vocab)):
        return None
    return Alphabet(checkpoint.name, checkpoint.languages, f5_knows(vocabulary(path)))


def make_cache(
    settings: Settings, store: ObjectStore, watch: Watch = unwatched, later: Later = at_once
) -> CheckpointCache:
    """The cache of checkpoints on this machine, with the settings' limits and precision."""
    limit = settings.model_cache_max_gb
    return CheckpointCache(
        store,
        settings.model_cache_dir,
        max_bytes=None if limit is None else int(limit * GB),
        dtype=settings.checkpoint_dtype,
        watch=watch,
        later=later,
    )


def make_verdicts(settings: Settings, store: ObjectStore, clock: Clock = SystemClock()) -> Verdicts:  # noqa: B008 - it has no state
    """The verdicts on the fast sampler on this deployment's cards."""
    disk = FolderStore(settings.model_cache_dir / ".proofs")
    return Verdicts(disk, store, clock, worker=settings.runpod_pod_id or "local")


def f5_files(local: LocalCheckpoint, vocoder: Path | None) -> F5Files:
    """The files of an F5-TTS checkpoint on this disk; a deployment's own vocoder is used before the checkpoint's."""
    return F5Files(
        name=local.checkpoint.name,
        model=local.model_path,
        backbone=local.backbone,
        arch=dict(local.arch),
        vocab=local.vocab_path,
        vocoder=vocoder or local.vocoder_path,
        sha256=local.sha256,
        license=local.checkpoint.license,
        note=local.checkpoint.note,
        languages=local.checkpoint.languages,
    )


def xtts_files(local: LocalCheckpoint) -> XttsFiles:
    """The files of an XTTS checkpoint on this disk. The cache has checked its vocab.json."""
    return XttsFiles(
        name=local.checkpoint.name,
        model=local.model_path,
        args=local.arch,
        vocab=local.vocab_path or local.model_path.with_name("vocab.json"),
        sha256=local.sha256,
        license=local.checkpoint.license,
        note=local.checkpoint.note,
        languages=local.checkpoint.languages or LANGUAGES,
    )


def _described(engine: Engine) -> dict[str, object]:
    return {**vars(engine.facts), **engine.memory()}


def _check_vocoder(settings: Settings, checkpoint: Checkpoint) -> None:
    """Check the deployment's own vocoder, else one in the checkpoint's folder. Raises CheckpointUnusable."""
    if checkpoint.engine != "f5":
        return
    if settings.vocoder_path:
        try:
            vocoder_config(settings.vocoder_path)
        except CheckpointUnusable as error:
            raise CheckpointUnusable(error.message, **{**error.details, "setting": "VOCODER_PATH"}) from error
    elif checkpoint.in_folder and checkpoint.vocoder:
        vocoder_config(Path(checkpoint.vocoder))
