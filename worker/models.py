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
from engines.whisper import WhisperTranscriber
from engines.whisper_files import check_asr_model
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
    A checkpoint that was looked up by `name`, and is the same one as another of that name.

    `lookup` counts the look-ups of this process; 0 is that of an engine that is loaded.
    """

    name: str
    checkpoint: Checkpoint = field(compare=False)
    lookup: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name


class EngineModels:
    """
    Engines by the names of checkpoints, one loaded at a time. See `cloning.ports.Engines`.

    The checkpoint says whose it is; its files are fetched and repaired by the cache at the first use, and stay on this disk as long
    as the engine does.
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
        """If the files are needed once more, much later, the checkpoint is looked up again: the bucket may hold another one by then."""
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
        """The engine has gone: other processes may evict its files."""
        self._loaded = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None


class Recognisers(Lazy[Transcriber]):
    """Whisper, at the first voice without a transcript."""

    def __init__(self, settings: Settings, make_room: Callable[[], None]) -> None:
        super().__init__(
            lambda name, device, _: WhisperTranscriber.load(str(name), device or settings.device),
            describe=lambda transcriber: {"model": transcriber.model, **transcriber.memory()},
            make_room=make_room,
            free=free_memory,
        )

    def check(self, name: str) -> None:
        """The name is the deployment's, never a caller's: whether it can be at all is the question."""
        check_asr_model(name)


def load_engine(
    cache: CheckpointCache,
    local: LocalCheckpoint,
    settings: Settings,
    device: str,
    part: Timings = no_timings,
    prove: Prove | None = None,
) -> Engine:
    """The engine whose checkpoint it is, loaded; tells its parts. `prove` is asked of a GPU's fast sampler. Raises CheckpointUnusable, and what the hub and the device do."""
    if local.checkpoint.engine == "xtts":
        with timed(part, "import"):
            import_xtts()
        with timed(part, "weights"):
            return XttsEngine.load(xtts_files(local), device, license_accepted=settings.xtts_license_accepted)
    with timed(part, "fetch"):
        default = None if settings.vocoder_path or local.vocoder_path else cache.vocoder()
    vocoder = default.vocoder_path if default else settings.vocoder_path
    with timed(part, "weights"):
        return F5Engine.load(f5_files(local, vocoder), device, settings.sampler, prove)


def alphabet_of(checkpoint: Checkpoint) -> Alphabet | None:
    """
    What F5-TTS reads with this checkpoint, where its vocabulary is on this disk and sure to be its weights'.

    Whether the bucket's weights go with the vocabulary shows when they are here: no text is judged by it before. Raises NotText, OSError.
    """
    if checkpoint.engine != "f5" or checkpoint.in_bucket or not (path := vocabulary_at(checkpoint.vocab)):
        return None
    return Alphabet(checkpoint.name, checkpoint.languages, f5_knows(vocabulary(path)))


def make_cache(
    settings: Settings, store: ObjectStore, watch: Watch = unwatched, later: Later = at_once
) -> CheckpointCache:
    """The checkpoints on this machine, as the settings bound and shape them."""
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
    """What is known of the fast sampler on the cards of this deployment."""
    disk = FolderStore(settings.model_cache_dir / ".proofs")
    return Verdicts(disk, store, clock, worker=settings.runpod_pod_id or "local")


def f5_files(local: LocalCheckpoint, vocoder: Path | None) -> F5Files:
    """What the engine is told of a checkpoint on this disk; a deployment's own vocoder goes before the checkpoint's."""
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
    """What the engine is told of a checkpoint on this disk. The cache has seen to its vocab.json."""
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
    """The deployment's own vocoder, else one in the checkpoint's folder. Raises CheckpointUnusable."""
    if checkpoint.engine != "f5":
        return
    if settings.vocoder_path:
        try:
            vocoder_config(settings.vocoder_path)
        except CheckpointUnusable as error:
            raise CheckpointUnusable(error.message, **{**error.details, "setting": "VOCODER_PATH"}) from error
    elif checkpoint.in_folder and checkpoint.vocoder:
        vocoder_config(Path(checkpoint.vocoder))
