"""
`--play-as-it-comes`: sends the parts to a player's pipe, in order, while the rest is made.

A text of several jobs is played job by job. Updates hold only the last parts; the parts before them are asked for.
"""

import asyncio
import io
import shutil
import wave
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from f5_worker_client.client import AsyncClient
from f5_worker_client.downloads import fetched
from f5_worker_client.errors import ClientError, InvalidRequest
from f5_worker_client.queue import Progress

# Each with what it needs to play signed 16-bit samples of one channel from stdin.
PLAYERS: Mapping[str, Callable[[int], list[str]]] = {
    "ffplay": lambda rate: ["-nodisp", "-autoexit", "-loglevel", "error", "-f", "s16le", "-ar", str(rate), "-i", "-"],
    "aplay": lambda rate: ["-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate), "-"],
    "paplay": lambda rate: ["--raw", "--format=s16le", "--channels=1", f"--rate={rate}"],
}
FIELDS: Mapping[str, Any] = {"parts": True, "parts_format": "wav", "first_chunk_s": 3.0}
_ENDED = "COMPLETED"
T = TypeVar("T")


@dataclass
class _Job:
    """What is known of one job's audio: its parts by their place, whether more will come, and whether it was spoken anew."""

    job_id: str | None = None
    parts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    has_ended: bool = False
    is_void: bool = False


class Player:
    """Plays the parts that the progress of `speak_long` reports; it is a `Watch`. `run` plays until all jobs have ended."""

    def __init__(self, client: AsyncClient, program: str) -> None:
        self._client = client
        self._program = program
        self._jobs: list[_Job] = []
        self._news = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    def __call__(self, number: int, count: int, told: Progress) -> None:
        """Note what is new in one job's progress."""
        self._jobs += [_Job() for _ in range(count - len(self._jobs))]
        job = self._jobs[number]
        job.job_id = told.update.get("job_id") or job.job_id
        self._note(job, told.update)
        job.has_ended = told.state == _ENDED
        self._news.set()

    def _note(self, job: _Job, reply: Mapping[str, Any]) -> None:
        """Note the parts that an update or a reply names. Those of a job that was spoken anew don't follow the earlier ones."""
        parts = reply.get("parts") or {}
        for part in parts.get("items", ()):
            known = job.parts.setdefault(int(part["index"]), part)
            job.is_void = job.is_void or known["chain"] != part["chain"]
        # One that was played, and is no longer there: the job is spoken anew, and has come less far.
        job.is_void = job.is_void or (job.has_ended and len(job.parts) > parts.get("ready", len(job.parts)))

    async def run(self) -> None:
        """Play all parts in order. Raises ClientError."""
        try:
            while not self._jobs:
                await self._wait()
            for job in self._jobs:
                await self._play(job)
            await self._close()
        except (BrokenPipeError, ConnectionResetError):
            raise InvalidRequest("INVALID_REQUEST", f"{self._program} ended before the sound did") from None
        finally:
            if self._process and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def _play(self, job: _Job) -> None:
        """Play one job's parts, until there is none left and none to come."""
        place = 0
        while not (job.has_ended and place not in job.parts and not await self._ask(job, place)):
            _refuse_void(job, place)
            if place in job.parts:
                await self._sound(await self._client.driver.run(fetched(self._client.link, job.parts[place])))
                place += 1
            elif not (any(known > place for known in job.parts) and await self._ask(job, place)):
                await self._wait()

        _refuse_void(job, place)

    async def _ask(self, job: _Job, place: int) -> bool:
        """Ask the worker for the part at this place; return whether it has one."""
        fields = {"action": "status", "job_id": job.job_id, "parts_after": place - 1}
        self._note(job, await self._client.call(fields))
        return place in job.parts

    async def _sound(self, data: bytes) -> None:
        """Send a WAV's samples to the player, as fast as it accepts them."""
        with wave.open(io.BytesIO(data)) as sound:
            rate, samples = sound.getframerate(), sound.readframes(sound.getnframes())
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                self._program, *PLAYERS[self._program](rate), stdin=asyncio.subprocess.PIPE
            )
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(samples)
        await self._process.stdin.drain()

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _close(self) -> None:
        """Let the player finish."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()


def _refuse_void(job: _Job, place: int) -> None:
    """Raise InvalidRequest if the part at that place, or the whole job, belongs to other speech than what was played."""
    part, before = job.parts.get(place), job.parts.get(place - 1)
    if job.is_void or (part and before and part["follows"] != before["chain"]):
        raise InvalidRequest("CONFLICT", "another worker speaks the job anew: what was played is void")


def player_here(which: Callable[[str], str | None] = shutil.which) -> str:
    """The first player that is installed. Raises InvalidRequest."""
    found = next((name for name in PLAYERS if which(name)), None)
    if found is None:
        raise InvalidRequest(
            "INVALID_REQUEST",
            f"--play-as-it-comes needs one of {', '.join(PLAYERS)}, and none is installed: install ffmpeg, or leave the option out",
        )
    return found


async def played(player: Player, speaking: Awaitable[T], remark: Callable[[str], None]) -> T:
    """Return the result of the speaking, once the audio was played too. If playing fails, the speaking goes on, and a remark says so."""
    sounding = asyncio.create_task(player.run())
    try:
        result = await speaking
        try:
            await sounding
        except ClientError as error:
            remark(f"not all of it was played: {error.message}")
        return result
    finally:
        sounding.cancel()
        await asyncio.gather(sounding, return_exceptions=True)  # until the player has ended
