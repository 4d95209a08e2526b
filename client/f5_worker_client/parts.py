"""
What is known of each job while a speech is made, in a folder beside the target: `book.wav.f5-worker/`.

A part has its audio, the files beside it, and a note: first the queue's job for it, then its result. So a command that was killed
continues where it stopped. A note contains no text and no URL.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f5_worker_client.downloads import whole
from f5_worker_client.replies import Speech


@dataclass(frozen=True)
class Part:
    """One job. Notes count only if they are for this `endpoint` and `job_id`."""

    folder: Path
    number: int
    suffix: str
    endpoint: str
    job_id: str

    @property
    def audio(self) -> Path:
        """The path of its audio."""
        return self.beside(self.suffix)

    def beside(self, suffix: str) -> Path:
        """The path of a file beside the audio."""
        return self.folder / f"{self.number:04}.{suffix}"

    @property
    def _note(self) -> Path:
        return self.beside("note")

    def ticket(self) -> str | None:
        """The queue's id of the job for this part, if one was noted."""
        ticket = self._read().get("ticket")
        return ticket if isinstance(ticket, str) else None

    def remember(self, ticket: str) -> None:
        """Note the queue's id."""
        self._write({"ticket": ticket})

    def finish(self, speech: Speech) -> dict[str, Any]:
        """Note the result, once all of its files are here."""
        facts = {**speech.to_json(), "files": {kind: file.sha256 for kind, file in speech.files.items()}}
        self._write({"speech": facts})
        return facts

    def finished(self, wanted: frozenset[str]) -> dict[str, Any] | None:
        """The result, if its audio and the wanted files are here with the right digests."""
        facts = self._read().get("speech")
        if not isinstance(facts, dict):
            return None
        digests = {self.suffix: facts.get("sha256"), **{kind: facts.get("files", {}).get(kind) for kind in wanted}}
        return facts if all(_has(self.beside(suffix), sha256) for suffix, sha256 in digests.items()) else None

    def _read(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        whose = (self.endpoint, self.job_id)
        return note if isinstance(note, dict) and (note.get("endpoint"), note.get("job_id")) == whose else {}

    def _write(self, facts: Mapping[str, Any]) -> None:
        with whole(self._note) as file:
            file.write(json.dumps({"endpoint": self.endpoint, "job_id": self.job_id, **facts}).encode())


def folder_of(target: Path) -> Path:
    """The folder of a target's parts."""
    return target.with_name(f"{target.name}.f5-worker")


def remove(folder: Path) -> None:
    """Remove the folder; ignore what can't be removed."""
    shutil.rmtree(folder, ignore_errors=True)


def _has(path: Path, sha256: object) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
