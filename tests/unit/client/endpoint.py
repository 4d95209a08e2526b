"""RunPod's queue and a worker behind it, as the client sees them, with answers lost wherever a test wants it."""

import hashlib
import io
import json
import wave
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
from f5_worker_client import Patience

QUICK = Patience(timeout_s=20, tries=6, first_wait_s=0.001, longest_wait_s=0.004, poll_s=0.0005, longest_poll_s=0.002)
ROOT = "https://api.runpod.ai/v2/abc123"
SIGNATURE = "X-Amz-Signature=5ec7e7"
RATE = 24_000
Fault = Literal["lost before", "lost after", "cut"] | int | type[BaseException]
SRT = "1\n00:00:00,100 --> 00:00:00,400\nHello.\n\n2\n00:00:00,500 --> 00:00:00,900\nThere.\n\n"
VTT = "WEBVTT\n\n00:00:00.100 --> 00:00:00.400\nHello.\n\n"


def wav_of(text: str) -> bytes:
    """A second of samples that depends on the text alone."""
    noise = hashlib.shake_256(text.encode()).digest(RATE * 2)
    return wav(noise)


def wav(frames: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(frames)
    return file.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Endpoint:
    """
    An endpoint in which `faults` says what happens to the request of that number, counted from 0.

    `jobs` are the worker's by id, with the text that each speaks; `posts` is every input that reached the queue. `polls` is how often a
    job is seen unfinished. An exception among the faults ends the client, before the request or, with `strikes_late`, after it.
    `failures` are the next jobs' failures: a reply's fields, or a status of the queue.
    """

    faults: dict[int, Fault] = field(default_factory=dict)
    polls: int = 2
    strikes_late: bool = False
    longest_text: int = 20_000
    failures: list[dict[str, Any] | str] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    voices: dict[str, dict[str, Any]] = field(default_factory=dict)
    dictionaries: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    url: str = "https://bucket.example.com/{key}?" + SIGNATURE
    expired: set[str] = field(default_factory=set)
    _queue: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def transport(self) -> httpx.MockTransport:
        """A transport for both clients."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        fault = self.faults.get(len(self.requests))
        self.requests.append(request)
        if fault == "lost before":
            raise httpx.ConnectError(f"no route to {request.url}")
        if isinstance(fault, int):
            return httpx.Response(fault, json={"error": "busy"})
        if isinstance(fault, type) and not self.strikes_late:
            raise fault
        reply = self._reply(request)
        if isinstance(fault, type):
            raise fault
        if fault == "lost after":
            raise httpx.ReadError(f"reset by {request.url}")
        return httpx.Response(reply.status_code, content=reply.content[: len(reply.content) // 2]) if fault else reply

    def _reply(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "api.runpod.ai":
            return self._file(request)
        if request.headers["Authorization"] != "Bearer secret-key":
            return httpx.Response(401, json={"error": "unauthorized"})
        _, _, endpoint, what, *ticket = request.url.path.split("/")
        if endpoint != "abc123" or (ticket and ticket[0] not in self._queue):
            return httpx.Response(404, json={"error": "not found"})
        if ticket:
            return self._state(what, ticket[0])
        if what == "health":
            return httpx.Response(200, json={"workers": {"idle": 1, "running": 0}, "jobs": {"inQueue": 0}})
        return self._run(json.loads(request.content)["input"])

    def _file(self, request: httpx.Request) -> httpx.Response:
        key = request.url.path.lstrip("/")
        if key in self.expired:
            return httpx.Response(403, text=f"<Error>{request.url}</Error>")
        return httpx.Response(200, content=self.files[key]) if key in self.files else httpx.Response(404)

    def _state(self, what: str, ticket: str) -> httpx.Response:
        states = self._queue[ticket]
        if what == "cancel" and states[0]["status"] in ("IN_QUEUE", "IN_PROGRESS"):
            states[:] = [{"status": "CANCELLED"}]
        return httpx.Response(200, json={"id": ticket, **(states.pop(0) if len(states) > 1 else states[0])})

    def _run(self, fields: dict[str, Any]) -> httpx.Response:
        self.posts.append(fields)
        ticket = f"ticket-{len(self.posts)}"
        running = [
            {"status": "IN_PROGRESS", "output": {"job_id": "j", "done": n, "total": self.polls}}
            for n in range(self.polls)
        ]
        self._queue[ticket] = [*running, self._end(fields)]
        return httpx.Response(200, json={"id": ticket, "status": "IN_QUEUE"})

    def forget(self) -> None:
        """Forget every job: the queue keeps results for half an hour."""
        self._queue.clear()

    def _end(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, str):
                return {"status": failure}
            return {"status": "FAILED", "error": f"{failure['code']}: {failure['message']}", "output": failure}
        try:
            return {"status": "COMPLETED", "output": getattr(self, f"do_{fields['action']}")(fields)}
        except KeyError as missing:
            what = "job" if missing.args[0] == "job_id" else missing.args[0]
            code = f"{what.upper()}_NOT_FOUND"
            failure = {"code": code, "message": f"no {what} of that name", "retryable": False, "details": {}}
            return {"status": "FAILED", "error": f"{code}: {failure['message']}", "output": failure}
        except ValueError as error:
            failure = {"code": error.args[0], "message": "no", "retryable": False, "details": error.args[1]}
            return {"status": "FAILED", "error": f"{error.args[0]}: no", "output": failure}

    # The worker's actions.

    def do_generate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if len(fields["text"]) > self.longest_text:
            raise ValueError("INVALID_TEXT", {"field": "text", "limit": self.longest_text})
        if self.jobs.setdefault(fields["job_id"], fields) != fields:
            raise ValueError("CONFLICT", {})
        return self._result(fields["job_id"])

    def do_result(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields["job_id"] not in self.jobs:
            raise KeyError("job_id")
        self.expired.clear()
        reply = self._result(fields["job_id"])
        if fields.get("delivery") == "inline":
            import base64

            reply["audio"]["base64"] = base64.b64encode(self.files[f"{fields['job_id']}.wav"]).decode()
        return reply

    def _result(self, job_id: str) -> dict[str, Any]:
        fields = self.jobs[job_id]
        sound = wav_of(fields["text"])
        suffix = fields.get("format", "wav")
        stored = {
            suffix: sound,
            "srt": SRT.encode(),
            "vtt": VTT.encode(),
            "words": b'[{"text": "Hello", "start": 0.1, "end": null}]',
        }
        kinds = [*fields.get("subtitles", []), *(["words"] if fields.get("words") else [])]
        self.files |= {f"{job_id}.{kind}": stored[kind] for kind in (suffix, *kinds)}
        self.files[f"{job_id}.wav"] = sound
        return {
            "job_id": job_id,
            "status": "COMPLETED",
            "audio_url": self.url.format(key=f"{job_id}.{suffix}"),
            "duration": 1.0,
            "audio": {"key": f"{job_id}.{suffix}", "format": suffix, "bytes": len(sound), "sha256": sha256(sound)},
            "manifest": {"seed": fields.get("seed", 42)},
            "license_notice": "made with F5-TTS",
            "warnings": [],
            "files": {
                kind: {
                    "bytes": len(stored[kind]),
                    "sha256": sha256(stored[kind]),
                    "url": self.url.format(key=f"{job_id}.{kind}"),
                }
                for kind in kinds
            },
        }

    def do_upload(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not fields["consent"]:
            raise ValueError("CONSENT_REQUIRED", {"field": "consent"})
        self.voices[fields["voice"]] = {"voice": fields["voice"], "duration": 4.963, "language": fields.get("language")}
        return {**self.voices[fields["voice"]], "status": "STORED"}

    def do_voices(self, fields: dict[str, Any]) -> dict[str, Any]:
        names = sorted(self.voices)
        start = int(fields.get("cursor", 0))
        page = [self.voices[name] for name in names[start : start + 2]]
        return {"voices": page, "count": len(page), "next_cursor": str(start + 2) if start + 2 < len(names) else None}

    def do_dictionary(self, fields: dict[str, Any]) -> dict[str, Any]:
        name = fields["dictionary"]
        if self.dictionaries.get(name, fields["say"]) != fields["say"] and not fields.get("replace"):
            raise ValueError("CONFLICT", {"field": "replace"})
        self.dictionaries[name] = fields["say"]
        return {"dictionary": name, "words": len(fields["say"]), "sha256": "303df361", "status": "STORED"}

    def do_dictionaries(self, fields: dict[str, Any]) -> dict[str, Any]:
        names = sorted(self.dictionaries)
        start = int(fields.get("cursor", 0))
        page = [{"dictionary": name, "words": len(self.dictionaries[name])} for name in names[start : start + 2]]
        following = str(start + 2) if start + 2 < len(names) else None
        return {"dictionaries": page, "count": len(page), "next_cursor": following}

    def do_expire(self, fields: dict[str, Any]) -> dict[str, Any]:
        is_last = "cursor" in fields
        return {
            "removed": {"jobs": 1, "chunks": 2, "results": 3},
            "dry_run": fields.get("dry_run", False),
            **({"skipped": 1} if is_last else {}),
            "next_cursor": None if is_last else "jobs/2/job.json",
        }

    def do_delete(self, fields: dict[str, Any]) -> dict[str, Any]:
        where, name = next((name, value) for name, value in fields.items() if name != "action")
        del {"voice": self.voices, "job_id": self.jobs, "dictionary": self.dictionaries}[where][
            name if name in {**self.voices, **self.jobs, **self.dictionaries} else _raise(where)
        ]
        return {"deleted": {where: name}}

    def do_status(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields["job_id"] not in self.jobs:
            raise KeyError("job_id")
        return {"job_id": fields["job_id"], "status": "COMPLETED", "progress": {"done": 2, "total": 2}}

    def do_cancel(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**self.do_status(fields), "status": "IN_PROGRESS"}

    def do_read(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            "reading": fields["text"].replace("$5", "five dollars"),
            "normalized_in": "en",
            "warnings": [],
            "spans": [],
        }

    def do_check(self, fields: dict[str, Any]) -> dict[str, Any]:
        state = "failed" if "not" in fields["text"] else "passed"
        problems = [{"kind": "missing", "word": "not"}] if state == "failed" else []
        return {
            "duration": 1.0,
            "check": {"state": state, "chunks": [{"start": 0.0, "problems": problems}]},
            "warnings": [],
        }

    def do_health(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"status": "ok", "problems": [], "default_engine": "f5", "checkpoint": "F5TTS_v1_Base"}


def _raise(where: str) -> str:
    raise KeyError(where)
