"""
The two clients: `Client` blocks, `AsyncClient` doesn't. They have the same methods; threads may share a `Client`.

A call returns when the worker has answered, after a cold start and RunPod's queue if need be: at most after `patience.timeout_s`.
Every method raises ClientError.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import httpx

from f5_worker_client import actions, downloads
from f5_worker_client.actions import CheckOptions, ReadOptions, SpeakOptions, UploadOptions, speech_request
from f5_worker_client.address import address_of
from f5_worker_client.downloads import AUDIO
from f5_worker_client.drivers import AsyncDriver, Driver
from f5_worker_client.http_server import call
from f5_worker_client.queue import Call, Link, Patience, Progress, Reply
from f5_worker_client.replies import Checked, Dictionary, Expired, JobState, Reading, Speech, Voice

Target = Literal["voice", "job_id", "dictionary"]


def _unheard(_: Progress) -> None:
    """Ignore the progress."""


class Client:
    """
    A worker behind an endpoint's id on RunPod, or behind `url`: `http://127.0.0.1:8000` for `python -m local`.

        with Client("abc123", api_key="...") as client:
            client.save(client.speak("Hello!", voice="me", format="mp3"), "hello.mp3")

    `transport` replaces httpx's own.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        api_key: str,
        url: str | None = None,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.link = Link(address_of(endpoint, url, api_key), patience or Patience(), time.monotonic)
        self.driver = Driver(self.link.address, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.driver.close()

    def speak(
        self, text: str, voice: str, on_progress: Callable[[Progress], None] = _unheard, **options: Unpack[SpeakOptions]
    ) -> Speech:
        """Speak a text with a voice. The same call finds the same job: nothing is spoken twice."""
        request = Call(speech_request(text, voice, options), on_progress)
        return self.driver.run(actions.speak(self.link, request))

    def save(self, speech: Speech, path: str | Path, kind: str = AUDIO) -> Path:
        """Download the audio or, with `kind` `srt`, `vtt`, `ass` or `words`, a file beside it. Whole and with its digest, or not at all."""
        self.driver.run(downloads.save(self.link, speech.reply, Path(path), kind))
        return Path(path)

    def upload(
        self, recording: Path | str | bytes, voice: str, *, consent: bool | str, **options: Unpack[UploadOptions]
    ) -> Voice:
        """Store a voice from a file, a URL, or the bytes of a file."""
        return self.driver.run(actions.upload(self.link, recording, voice, options, consent=consent))

    def voices(self) -> list[Voice]:
        """All voices."""
        return self.driver.run(actions.voices(self.link))

    def store_dictionary(self, name: str, say: Mapping[str, str], *, replace: bool = False) -> Dictionary:
        """Store respellings of words under a name, for `dictionary` of `speak` and `read`."""
        return self.driver.run(actions.store_dictionary(self.link, name, say, replace=replace))

    def dictionaries(self) -> list[Dictionary]:
        """All dictionaries."""
        return self.driver.run(actions.dictionaries(self.link))

    def expire(self, older_than_days: float, *, dry_run: bool = False) -> Expired:
        """Remove jobs that were last written more than so many days ago, with their results; `dry_run` only counts."""
        return self.driver.run(actions.expire(self.link, older_than_days, dry_run=dry_run))

    def status(self, job_id: str) -> JobState:
        """A job's state."""
        return self.driver.run(actions.status(self.link, job_id))

    def result(self, job_id: str) -> Speech:
        """A finished job's speech."""
        return self.driver.run(actions.result(self.link, job_id))

    def cancel(self, job_id: str) -> JobState:
        """Ask a running job to stop."""
        return self.driver.run(actions.cancel(self.link, job_id))

    def delete(self, kind: Target, name: str) -> None:
        """Remove a voice, a finished job with its result, or a dictionary."""
        self.driver.run(actions.delete(self.link, kind, name))

    def read(self, text: str, **options: Unpack[ReadOptions]) -> Reading:
        """How a text would be read aloud."""
        return self.driver.run(actions.read(self.link, text, options))

    def check(self, recording: Path | str | bytes, text: str, **options: Unpack[CheckOptions]) -> Checked:
        """Check whether a recording matches its text."""
        return self.driver.run(actions.check(self.link, recording, text, options))

    def health(self) -> Reply:
        """The worker's health; starts a worker if none is up."""
        return self.driver.run(actions.health(self.link))

    def queue_health(self) -> Reply:
        """RunPod's count of jobs and workers; starts nothing."""
        return self.driver.run(actions.queue_health(self.link))

    def call(self, fields: Mapping[str, Any]) -> Reply:
        """Send any request of docs/api.md, and return its reply unchanged."""
        return self.driver.run(call(self.link, Call(fields)))


class AsyncClient:
    """`Client` for asyncio: calls may run side by side."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        api_key: str,
        url: str | None = None,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.link = Link(address_of(endpoint, url, api_key), patience or Patience(), time.monotonic)
        self.driver = AsyncDriver(self.link.address, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.driver.close()

    async def speak(
        self, text: str, voice: str, on_progress: Callable[[Progress], None] = _unheard, **options: Unpack[SpeakOptions]
    ) -> Speech:
        """Speak a text with a voice. The same call finds the same job: nothing is spoken twice."""
        request = Call(speech_request(text, voice, options), on_progress)
        return await self.driver.run(actions.speak(self.link, request))

    async def save(self, speech: Speech, path: str | Path, kind: str = AUDIO) -> Path:
        """Download the audio or, with `kind` `srt`, `vtt`, `ass` or `words`, a file beside it. Whole and with its digest, or not at all."""
        await self.driver.run(downloads.save(self.link, speech.reply, Path(path), kind))
        return Path(path)

    async def upload(
        self, recording: Path | str | bytes, voice: str, *, consent: bool | str, **options: Unpack[UploadOptions]
    ) -> Voice:
        """Store a voice from a file, a URL, or the bytes of a file."""
        return await self.driver.run(actions.upload(self.link, recording, voice, options, consent=consent))

    async def voices(self) -> list[Voice]:
        """All voices."""
        return await self.driver.run(actions.voices(self.link))

    async def store_dictionary(self, name: str, say: Mapping[str, str], *, replace: bool = False) -> Dictionary:
        """Store respellings of words under a name, for `dictionary` of `speak` and `read`."""
        return await self.driver.run(actions.store_dictionary(self.link, name, say, replace=replace))

    async def dictionaries(self) -> list[Dictionary]:
        """All dictionaries."""
        return await self.driver.run(actions.dictionaries(self.link))

    async def expire(self, older_than_days: float, *, dry_run: bool = False) -> Expired:
        """Remove jobs that were last written more than so many days ago, with their results; `dry_run` only counts."""
        return await self.driver.run(actions.expire(self.link, older_than_days, dry_run=dry_run))

    async def status(self, job_id: str) -> JobState:
        """A job's state."""
        return await self.driver.run(actions.status(self.link, job_id))

    async def result(self, job_id: str) -> Speech:
        """A finished job's speech."""
        return await self.driver.run(actions.result(self.link, job_id))

    async def cancel(self, job_id: str) -> JobState:
        """Ask a running job to stop."""
        return await self.driver.run(actions.cancel(self.link, job_id))

    async def delete(self, kind: Target, name: str) -> None:
        """Remove a voice, a finished job with its result, or a dictionary."""
        await self.driver.run(actions.delete(self.link, kind, name))

    async def read(self, text: str, **options: Unpack[ReadOptions]) -> Reading:
        """How a text would be read aloud."""
        return await self.driver.run(actions.read(self.link, text, options))

    async def check(self, recording: Path | str | bytes, text: str, **options: Unpack[CheckOptions]) -> Checked:
        """Check whether a recording matches its text."""
        return await self.driver.run(actions.check(self.link, recording, text, options))

    async def health(self) -> Reply:
        """The worker's health; starts a worker if none is up."""
        return await self.driver.run(actions.health(self.link))

    async def queue_health(self) -> Reply:
        """RunPod's count of jobs and workers; starts nothing."""
        return await self.driver.run(actions.queue_health(self.link))

    async def call(self, fields: Mapping[str, Any]) -> Reply:
        """Send any request of docs/api.md, and return its reply unchanged."""
        return await self.driver.run(call(self.link, Call(fields)))
