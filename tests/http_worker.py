"""
A stand-in for the worker behind the HTTP application; tests/http_server.py serves it.

It checks requests as the worker does and says each text in sines of its own. A test can make it hold a part back, fail before one, speak
a job again, or report no parts at all.
"""

import asyncio
import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from cloning.errors import ConsentRequired, JobCancelled, JobNotFound, ServiceError, VoiceNotFound
from cloning.requests.fields import Limits
from cloning.requests.models import Upload, parse
from http_api.port import Reply, State, Unfetched, unheard

RATE = 24_000
LIMITS = Limits(max_text_chars=20_000, max_audio_bytes=25_000_000)
MADE = "2026-11-29T10:00:00.000000Z"
_SHOWN = 16


def spoken(text: str, parts: int = 3, seconds: float = 0.4) -> list[NDArray[np.int16]]:
    """The samples of a text, part by part."""
    pitches = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    times = np.arange(round(seconds * RATE)) / RATE
    return [(9000 * np.sin(2 * np.pi * (150 + 5 * pitches[n % 32] + n) * times)).astype(np.int16) for n in range(parts)]


def encoded(samples: NDArray[np.int16], kind: str) -> bytes:
    """A file of samples."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind.upper(), subtype="OPUS" if kind == "ogg" else None)
    return file.getvalue()


def text_of(fields: Mapping[str, Any]) -> str:
    """The text of a generate, with one voice or several."""
    return fields.get("text") or " ".join(turn["text"] for turn in fields["turns"])


@dataclass
class Job:
    """A job of the stand-in."""

    fields: Mapping[str, Any]
    status: str = "IN_QUEUE"
    items: list[Reply] = field(default_factory=list)
    total: int = 0
    attempt: int = 1
    result: Reply = field(default_factory=dict)
    failure: Reply | None = None
    cancelled: bool = False


@dataclass
class StandIn:
    """
    The worker. `fails` are the next failures by their text, with the part before which they occur; `gates` hold parts back, by their
    number, until they are set; before the part `anew` all parts are made again, with other bytes. With `is_old` it makes no parts.
    `tells_every` is the number of parts that it reports at once.
    """

    voices: list[str] = field(default_factory=lambda: ["anna", "bert"])
    parts: int = 3
    seconds: float = 0.4
    state: State = "ready"
    fails: dict[str, tuple[int, ServiceError]] = field(default_factory=dict)
    gates: dict[int, threading.Event] = field(default_factory=dict)
    anew: int | None = None
    is_old: bool = False
    tells_every: int = 1
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    cancels: Counter[str] = field(default_factory=Counter)
    fetches: int = 0
    has_lost_all: bool = False
    running: set["asyncio.Task[Reply]"] = field(default_factory=set)
    jobs: dict[str, Job] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        """Answer as the worker does."""
        self.calls.append(dict(fields))
        await asyncio.sleep(0)
        try:
            request = parse(fields, LIMITS)
            if isinstance(request, Upload) and not request.consent:
                raise ConsentRequired("say how the speaker agreed")
            if request.action == "generate":
                return await self._goes_on(self._generate(fields, on_progress))
            reply: Reply = getattr(self, f"_{request.action}")(fields)
        except ServiceError as error:
            return error.to_reply()
        return reply

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        """Fetch an object and check its digest."""
        self.fetches += 1
        await asyncio.sleep(0)
        data = self.objects.get(item["key"])
        if self.has_lost_all or data is None or hashlib.sha256(data).hexdigest() != item["sha256"]:
            raise Unfetched(f"{item['key']} is gone")
        return data

    async def _goes_on(self, generate: Coroutine[Any, Any, Reply]) -> Reply:
        """A caller that stops waiting ends nothing."""
        task = asyncio.create_task(generate)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _generate(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None]) -> Reply:
        job_id = fields["job_id"]
        for voice in [turn["voice"] for turn in fields.get("turns", ())] or [fields["voice"]]:
            self._check_voice(voice)
        if job_id in self.jobs and self.jobs[job_id].status == "COMPLETED":
            return self._result(fields)
        job = self.jobs[job_id] = Job(fields, total=self.parts)
        try:
            await self._speak(job_id, job, on_progress)
        except ServiceError as error:
            job.status = "CANCELLED" if error.code == "JOB_CANCELLED" else "FAILED"
            job.failure = error.to_reply()
            raise
        return self._result(fields)

    async def _speak(self, job_id: str, job: Job, on_progress: Callable[[Reply], None]) -> None:
        job.status = "IN_PROGRESS"
        text = text_of(job.fields)
        waves = spoken(text, self.parts, self.seconds)
        for number, wave in enumerate(waves):
            await self._pause(text, number, job)
            if number == self.anew:
                job.items = [self._item(job_id, n, one + 1, job) for n, one in enumerate(waves[:number])]
            job.items.append(self._item(job_id, number, wave, job))
            if (number + 1) % self.tells_every == 0:
                on_progress({"job_id": job_id, "done": number + 1, "total": job.total, **self._parts(job.items)})
        self._finish(job_id, job, np.concatenate(waves))

    async def _pause(self, text: str, number: int, job: Job) -> None:
        gate = self.gates.get(number)
        while gate is not None and not gate.is_set() and not job.cancelled:  # noqa: ASYNC110 - a test's thread sets it
            await asyncio.sleep(0.002)
        await asyncio.sleep(0)
        if job.cancelled:
            raise _cancelled(job.fields["job_id"])
        if text in self.fails and self.fails[text][0] == number:
            raise self.fails.pop(text)[1]

    def _item(self, job_id: str, index: int, wave: NDArray[np.int16], job: Job) -> Reply:
        kind = job.fields.get("parts_format") or "flac"
        data = encoded(wave, kind)
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"jobs/{job_id}/parts/{index}-{sha256[:16]}.{kind}"
        self.objects[key] = data
        follows = job.items[index - 1]["chain"] if index else ""
        order = {"follows": follows, "chain": hashlib.sha256(f"{follows} {sha256}".encode()).hexdigest()[:16]}
        size = {"samples": len(wave), "duration": len(wave) / RATE, "offset": index * self.seconds, "bytes": len(data)}
        return {
            "index": index,
            **size,
            **order,
            "sha256": sha256,
            "key": key,
            "url": f"https://bucket/{key}",
            "expires_at": MADE,
        }

    def _parts(self, items: list[Reply], after: int | None = None) -> Reply:
        if self.is_old:
            return {}
        shown = items[-_SHOWN:] if after is None else items[after + 1 : after + 101]
        told = {"ready": len(items), "seconds": len(items) * self.seconds, "format": "flac", "sample_rate": RATE}
        following = shown[-1]["index"] if shown and shown[-1]["index"] + 1 < len(items) else None
        return {"parts": {**told, "items": shown, "next_after": following}}

    def _finish(self, job_id: str, job: Job, wave: NDArray[np.int16]) -> None:
        kind = job.fields.get("format", "wav")
        words = [
            {"text": word, "start": 0.1 * n, "end": 0.1 * n + 0.1} for n, word in enumerate(text_of(job.fields).split())
        ]
        files = {
            "words": json.dumps(words).encode(),
            "srt": b"1\n00:00:00,000 --> 00:00:01,000\nHi\n",
            "vtt": b"WEBVTT\n",
        }
        wanted = [*job.fields.get("subtitles", ()), *["words"] * bool(job.fields.get("words"))]
        job.result = {
            "job_id": job_id,
            "status": "COMPLETED",
            "duration": len(wave) / RATE,
            "audio": {
                **self._object(f"results/{job_id}.{kind}", encoded(wave, kind)),
                "format": kind,
                "sample_rate": RATE,
            },
            "audio_url": f"https://bucket/results/{job_id}.{kind}",
            "files": {name: self._object(f"results/{job_id}.{name}", files[name]) for name in wanted},
            "manifest": {"seed": job.fields.get("seed", 7)},
            "timings": {"total": 0.5, "queue": 0.1},
            **self._parts(job.items),
        }
        job.status = "COMPLETED"

    def _object(self, key: str, data: bytes) -> Reply:
        self.objects[key] = data
        return {
            "key": key,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "url": f"https://bucket/{key}",
        }

    def _job(self, fields: Mapping[str, Any]) -> Job:
        if fields["job_id"] not in self.jobs:
            raise JobNotFound(f"there is no job {fields['job_id']!r}", job_id=fields["job_id"])
        return self.jobs[fields["job_id"]]

    def _status(self, fields: Mapping[str, Any]) -> Reply:
        job = self._job(fields)
        state: Reply = {"job_id": fields["job_id"], "status": job.status, "cancel_requested": job.cancelled}
        failure = {} if job.failure is None else {"failure": job.failure}
        parts = self._parts(job.items, fields.get("parts_after")) if job.fields.get("parts") else {}
        taken = {"attempt": job.attempt} if job.attempt else {}  # a job that still waits in a queue has none
        return {**state, **taken, "progress": {"done": len(job.items), "total": job.total}, **failure, **parts}

    def _result(self, fields: Mapping[str, Any]) -> Reply:
        job = self._job(fields)
        if job.status != "COMPLETED":
            raise JobNotFound(f"job {fields['job_id']!r} is {job.status}")
        return job.result

    def _cancel(self, fields: Mapping[str, Any]) -> Reply:
        job = self._job(fields)
        self.cancels[fields["job_id"]] += 1
        job.cancelled = True
        return self._status(fields)

    def _voices(self, fields: Mapping[str, Any]) -> Reply:
        limit, cursor = fields.get("limit", 50), fields.get("cursor")
        last = None if cursor is None else cursor.split("/")[1]
        start = self.voices.index(last) + 1 if last in self.voices else 0
        page = self.voices[start : start + limit]
        following = f"voices/{page[-1]}/voice.json" if start + limit < len(self.voices) else None
        return {"voices": [_voice(name) for name in page], "count": len(page), "next_cursor": following}

    def _upload(self, fields: Mapping[str, Any]) -> Reply:
        self.voices.append(fields["voice"])
        return {**_voice(fields["voice"]), "status": "STORED", "transcript": fields.get("transcript")}

    def _delete(self, fields: Mapping[str, Any]) -> Reply:
        if fields.get("voice") not in self.voices:
            raise VoiceNotFound(f"there is no voice {fields.get('voice')!r}", voice=fields.get("voice"))
        self.voices.remove(fields["voice"])
        return {"deleted": {"voice": fields["voice"]}}

    def _health(self, _: Mapping[str, Any]) -> Reply:
        return {"status": "ok", "default_engine": "f5", "checkpoint": "F5TTS_v1_Base", "worker": "stand-in"}

    def _read(self, fields: Mapping[str, Any]) -> Reply:
        if "voice" in fields:
            self._check_voice(fields["voice"])
        return {}

    def _check_voice(self, voice: str) -> None:
        if voice not in self.voices:
            raise VoiceNotFound(f"there is no voice {voice!r}", voice=voice)

    def _echo(self, _: Mapping[str, Any]) -> Reply:
        return {}

    _check = _dictionary = _dictionaries = _expire = _echo


def _voice(name: str) -> Reply:
    return {
        "voice": name,
        "duration": 5.0,
        "sample_rate": RATE,
        "language": "en",
        "transcript": None,
        "created_at": MADE,
    }


def _cancelled(job_id: str) -> ServiceError:
    return JobCancelled(f"job {job_id!r} was cancelled", job_id=job_id)
