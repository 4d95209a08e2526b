"""The replies of the actions. Each keeps the whole reply, for fields without an attribute here (docs/api.md lists them all)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Voice:
    """A stored voice; of a bare file or a damaged record only the name is known."""

    name: str
    duration: float | None
    language: str | None
    transcript: str | None
    problem: str | None
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From an entry of `voices`, or the reply of `upload`."""
        get = reply.get
        return cls(reply["voice"], get("duration"), get("language"), get("transcript"), get("problem"), reply)


@dataclass(frozen=True)
class Dictionary:
    """A stored dictionary of respellings; of a damaged one only the name is known."""

    name: str
    words: int | None
    problem: str | None
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From an entry of `dictionaries`, or the reply of `dictionary`."""
        return cls(reply["dictionary"], reply.get("words"), reply.get("problem"), reply)


@dataclass(frozen=True)
class Expired:
    """What was removed, or would be in a dry run. `skipped` jobs stay, because the bucket refused or never returned one of their objects."""

    jobs: int
    chunks: int
    results: int
    skipped: int

    @classmethod
    def of(cls, replies: Sequence[Json]) -> Self:
        """From the replies of all calls of `expire`."""
        removed = [reply["removed"] for reply in replies]
        jobs, chunks, results = (sum(one[what] for one in removed) for what in ("jobs", "chunks", "results"))
        return cls(jobs, chunks, results, sum(reply.get("skipped", 0) for reply in replies))


@dataclass(frozen=True)
class StoredFile:
    """A file beside the speech: its size and digest. Its URL stays in `Speech.reply`."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Speech:
    """A finished job's speech. `Client.save` downloads the audio; `reply` contains its URL, which anyone can use to read it."""

    job_id: str
    duration: float
    format: str
    bytes: int
    sha256: str
    seed: int
    license_notice: str
    warnings: tuple[Json, ...]
    check: Json | None
    words: tuple[Json, ...] | None
    files: Mapping[str, StoredFile]
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From the reply of `generate` or `result`."""
        audio, words, files = reply["audio"], reply.get("words"), reply.get("files") or {}
        return cls(
            job_id=reply["job_id"],
            duration=reply["duration"],
            format=audio["format"],
            bytes=audio["bytes"],
            sha256=audio["sha256"],
            seed=reply["manifest"]["seed"],
            license_notice=reply["license_notice"],
            warnings=tuple(reply.get("warnings", ())),
            check=reply.get("check"),
            words=None if words is None else tuple(words),
            files={kind: StoredFile(file["bytes"], file["sha256"]) for kind, file in files.items()},
            reply=reply,
        )

    def to_json(self) -> dict[str, Any]:
        """What may be shown: everything except URLs and the words."""
        return {
            "job_id": self.job_id,
            "duration": self.duration,
            "format": self.format,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "seed": self.seed,
            "license_notice": self.license_notice,
            "warnings": list(self.warnings),
            "check": self.check,
        }


@dataclass(frozen=True)
class JobState:
    """A job's state; `failure` says why it, or its last attempt, failed."""

    job_id: str
    status: str
    done: int
    total: int
    failure: Json | None
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From the reply of `status` or `cancel`."""
        progress = reply["progress"]
        return cls(reply["job_id"], reply["status"], progress["done"], progress["total"], reply.get("failure"), reply)


@dataclass(frozen=True)
class Reading:
    """How a text would be read aloud."""

    text: str
    language: str | None
    warnings: tuple[Json, ...]
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From the reply of `read`."""
        return cls(reply["reading"], reply["normalized_in"], tuple(reply["warnings"]), reply)


@dataclass(frozen=True)
class Checked:
    """A recording compared with its text: `passed`, `failed`, or `unavailable` if there is no verdict."""

    state: str
    duration: float
    words: tuple[Json, ...] | None
    reply: Json = field(repr=False)

    @classmethod
    def of(cls, reply: Json) -> Self:
        """From the reply of `check`."""
        words = reply.get("words")
        return cls(reply["check"]["state"], reply["duration"], None if words is None else tuple(words), reply)
