"""
Whether a faster path may speak on this card: proved once, then remembered. No torch here.

One verdict holds for a card, its driver, the libraries, this code and a checkpoint, and lies in the bucket for all workers; what is
proved is kept on this disk too. A mark is written before the proof and replaced after it. So of two workers one makes the proof, and
a worker that dies in it takes no other along: whoever finds its mark speaks officially, until somebody removes the mark.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloning import keys
from cloning.errors import GpuOutOfMemory, ServiceError, WorkerUnfit
from cloning.ports import AlreadyExists, Changed, Clock, NoSuchObject, ObjectStore, TooLarge

log = logging.getLogger(__name__)

State = Literal["proved", "failed", "skipped", "remembered"]
Circumstances = Mapping[str, str]
"""All that a verdict depends on, by name: the card, versions, digests."""

_JSON = "application/json"
_LONGEST_S = 120  # a proof takes less than a second on a GPU, and minutes on no device that anybody speaks on


@dataclass(frozen=True)
class Findings:
    """What was measured, by name (None is a value that is no number), and what is wrong with it; no problem is a proof."""

    distances: Mapping[str, float | None]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """
    Whether the path `holds`, and how that is known.

    `state` is `proved` or `failed` by this worker just now, `remembered` from an earlier proof, or `skipped`: nobody knows yet.
    `why` says what is wrong, if anything is.
    """

    state: State
    holds: bool
    why: str
    key: str
    circumstances: Circumstances
    distances: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """For `health`, the manifest and the log."""
        facts = asdict(self)
        return {
            **{name: facts.pop(name) for name in ("state", "holds", "why", "key")},
            **facts.pop("circumstances"),
            **facts,
        }


class _Record(BaseModel):
    """A verdict in the bucket, or the mark of a proof that has begun."""

    model_config = ConfigDict(extra="ignore")

    state: Literal["pending", "proved", "failed"]
    key: str
    circumstances: dict[str, str]
    worker: str
    at: datetime
    why: str = ""
    distances: dict[str, float | None] = Field(default_factory=dict)
    seconds: float = 0.0


Measure = Callable[[], Findings]
Prove = Callable[[Circumstances, Measure], Verdict]


class Verdicts:
    """The verdicts in a bucket. `disk` is this machine's own store, `worker` the name of this one."""

    def __init__(self, disk: ObjectStore, bucket: ObjectStore, clock: Clock, *, worker: str) -> None:
        self._disk = disk
        self._bucket = bucket
        self._clock = clock
        self._worker = worker

    def prove(self, circumstances: Circumstances, measure: Measure) -> Verdict:
        """
        The verdict: remembered, or by `measure`.

        Raises the WorkerUnfit that `measure` raises; other workers hear that it failed. What else it raises is a failure of the path,
        but memory that did not suffice, of which nobody hears. Without a bucket nothing is tried.
        """
        key = key_of(circumstances)
        try:
            found = self._proved_here(key) or _read(self._bucket, key) or self._begin(key, circumstances)
            if isinstance(found, _Record):
                return self._remembered(found)
            return self._measured(key, circumstances, measure, mark=found)
        except WorkerUnfit:
            raise
        except ServiceError as error:
            why = f"{error.code}: {error.message}"
            return Verdict("skipped", holds=False, why=why, key=key, circumstances=circumstances)

    def _proved_here(self, key: str) -> "_Record | None":
        """The disk is a shortcut: only the bucket, where an operator can remove it, says that a proof failed."""
        with suppress(ServiceError):
            record = _read(self._disk, key)
            return record if record and record.state == "proved" else None
        return None

    def _begin(self, key: str, circumstances: Circumstances) -> "_Record | str":
        """Leave the mark: its version; or what another worker has written meanwhile."""
        mark = self._record("pending", key, circumstances)
        try:
            return self._bucket.create(keys.proof(key), _body(mark), content_type=_JSON)
        except AlreadyExists:
            return _read(self._bucket, key) or mark

    def _measured(self, key: str, circumstances: Circumstances, measure: Measure, *, mark: str) -> Verdict:
        begun = self._clock.monotonic()
        unfit: WorkerUnfit | None = None
        try:
            findings = measure()
        except GpuOutOfMemory:
            self._bucket.delete(keys.proof(key))
            raise
        except WorkerUnfit as error:
            unfit, findings = (
                error,
                Findings({}, (f"the GPU failed in the proof: {error.details.get('kind', error.message)}",)),
            )
        except Exception as error:
            log.warning("sampler.proof_failed", extra={"kind": type(error).__name__}, exc_info=True)
            findings = Findings({}, (f"{type(error).__name__} in the proof",))
        seconds = round(self._clock.monotonic() - begun, 3)
        record = self._record("failed" if findings.problems else "proved", key, circumstances, findings, seconds)
        self._keep(record, mark)
        if unfit:
            raise unfit
        return _verdict(record, "failed" if findings.problems else "proved")

    def _remembered(self, record: _Record) -> Verdict:
        """A mark is as much of a verdict as there will be, unless its worker is still at it."""
        if record.state == "pending":
            is_dead = self._clock.now() - record.at > timedelta(seconds=_LONGEST_S)
            why = f"worker {record.worker} began the proof at {record.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} and "
            why += (
                f"died in it: remove {keys.proof(record.key)} from the bucket to try again" if is_dead else "is at it"
            )
            return _verdict(record.model_copy(update={"why": why}), "remembered" if is_dead else "skipped")
        if record.state == "proved":
            self._keep_on_disk(record)
        return _verdict(record, "remembered")

    def _keep(self, record: _Record, mark: str) -> None:
        """In place of the mark, unless that has gone; a bucket that fails now keeps the mark, and the next worker the official path."""
        try:
            self._bucket.replace(keys.proof(record.key), _body(record), etag=mark, content_type=_JSON)
        except Changed:
            log.warning("sampler.proof_mark_gone", extra={"proof": record.key})
        except ServiceError as error:
            log.warning("sampler.proof_not_kept", extra={"proof": record.key, "code": error.code})
        if record.state == "proved":
            self._keep_on_disk(record)

    def _keep_on_disk(self, record: _Record) -> None:
        try:
            self._disk.put(keys.proof(record.key), _body(record), content_type=_JSON)
        except ServiceError as error:
            log.warning("sampler.proof_not_kept", extra={"proof": record.key, "code": error.code})

    def _record(
        self,
        state: Literal["pending", "proved", "failed"],
        key: str,
        circumstances: Circumstances,
        findings: Findings = Findings({}),
        seconds: float = 0.0,
    ) -> _Record:
        return _Record(
            state=state,
            key=key,
            circumstances=dict(circumstances),
            worker=self._worker,
            at=self._clock.now(),
            why="; ".join(findings.problems),
            distances=dict(findings.distances),
            seconds=seconds,
        )


def key_of(circumstances: Circumstances) -> str:
    """The digest that names a verdict."""
    return hashlib.sha256(json.dumps(dict(circumstances), sort_keys=True).encode()).hexdigest()


def _read(store: ObjectStore, key: str) -> _Record | None:
    """What the store knows; None if nothing. What is damaged, or about something else, counts as a proof that failed."""
    try:
        record = _Record.model_validate_json(store.get(keys.proof(key), most=100_000).body)
    except NoSuchObject:
        return None
    except (ValidationError, TooLarge):
        record = None
    if record is None or record.key != key or key_of(record.circumstances) != key:
        why = f"its record {keys.proof(key)} is damaged: remove it from the bucket to try again"
        return _Record(state="failed", key=key, circumstances={}, worker="", at=datetime.fromtimestamp(0, UTC), why=why)
    return record


def _body(record: _Record) -> bytes:
    return record.model_dump_json(indent=2).encode()


def _verdict(record: _Record, state: State) -> Verdict:
    return Verdict(
        state=state,
        holds=record.state == "proved",
        why=record.why,
        key=record.key,
        circumstances=record.circumstances,
        distances=record.distances,
        seconds=record.seconds,
    )
