"""Faults between the workers and the bucket, and what the bucket really did."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from cloning import keys
from tests.servers import Fault, Request

KINDS = {
    "503": Fault(503, "SlowDown"),
    "reset": Fault(cut="before"),
    "lost reply": Fault(cut="after"),
}
_OK = 200
_CHUNK = re.compile(r"/chunks/\d+-[0-9a-f]{64}\.wav$")


@dataclass
class Weather:
    """Chooses the fault of a request: each kind equally often, for `share` of all requests."""

    share: float
    seed: int
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)
        self._lock = threading.Lock()

    def choose(self, _: Request) -> Fault | None:
        """Choose a request's fault; the proxy calls this in threads of its own."""
        with self._lock:
            self.met["requests"] += 1
            if self._chance.random() >= self.share:
                return None
            kind = str(self._chance.choice(list(KINDS)))
            self.met[kind] += 1
        return KINDS[kind]


@dataclass
class Ledger:
    """
    What the bucket did, whatever the caller was told: by job, how often its record became COMPLETED, and the chunks of each attempt.

    `changed` are jobs whose record was written again after its end.
    """

    bucket: str
    completed: Counter[str] = field(default_factory=Counter)
    chunks: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    _attempt: dict[str, int] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def witness(self, request: Request, body: bytes, status: int) -> None:
        """Note an answer of the server; the proxy calls this in threads of its own."""
        key = request.path.removeprefix(f"/{self.bucket}/").partition("?")[0]
        if request.method != "PUT" or status != _OK:
            return
        with self._lock:
            if (job := keys.job_of(key)) is not None:
                self._record(job, json.loads(body))
            elif key.startswith(keys.JOBS) and _CHUNK.search(key):
                job = key.split("/")[1]
                self.chunks.setdefault((job, self._attempt.get(job, 1)), set()).add(key)

    def _record(self, job: str, record: dict[str, object]) -> None:
        self._attempt[job] = int(str(record["attempt"]))
        if record["deleted_at"]:
            self._ended.discard(job)
            return
        if job in self._ended:
            self.changed.add(job)
        if record["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
            self._ended.add(job)
        self.completed[job] += record["status"] == "COMPLETED"
