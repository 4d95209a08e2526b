"""The results of a job: its audio, whole or as it is made, its parts, words and subtitles."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from http_api.door import Door
from http_api.errors import Failed
from http_api.openapi import Responses, binary, shows
from http_api.port import Reply
from http_api.ranges import ranged
from http_api.sound.encoding import MEDIA, Format
from http_api.sound.parts import Item, followed, one, result_of, whole
from http_api.sound.streaming import Sound, SoundResponse, fetched, heard

_MEDIA = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "words": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "ass": "text/x-ssa",
}
_WORDS = [{"text": "It", "start": 0.12, "end": 0.21, "text_start": 0, "text_end": 2, "confidence": 0.97}]
_SOME: Responses = {
    206: {"description": "The requested bytes."},
    416: {"description": "The range begins after the end of the file."},
}
Range = Annotated[str | None, Header(alias="range", description="a range of bytes, for players that seek")]
Download = Annotated[bool, Query(description="send a file name, so that a browser saves the file")]


def job_file_routes(door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["jobs"], default_response_class=Response)
    sound = binary("The sound.", *MEDIA.values())

    @routes.get("/v1/audio/jobs/{job}/audio", summary="A job's sound, as it is stored", responses={**sound, **_SOME})
    async def audio(job: str, range_: Range = None, *, download: Download = False) -> Response:
        """The whole audio, in the format that the job asked for, or the bytes that a Range header asks for."""
        item = whole(await _result(door, job))
        data, kind = await fetched(door, item), item["format"]
        return ranged(data, range_, _MEDIA[kind], _named(job, kind, download=download))

    @routes.get("/v1/audio/jobs/{job}/audio.{ext}", summary="A job's sound in another format", responses=sound)
    async def encoded(job: str, ext: Format, *, download: Download = False) -> Response:
        """The audio in another format, encoded while it is sent."""
        item = whole(await _result(door, job))
        return SoundResponse(door, Sound(heard(door, one(item)), ext), _named(job, ext, download=download))

    @routes.get("/v1/audio/jobs/{job}/stream.{ext}", summary="A job's sound as it is made", responses=sound)
    async def stream(job: str, ext: Format) -> Response:
        """The audio from the first part on, for `<audio src>`. A job without `parts` is sent when it is done. Hanging up doesn't end the job."""
        return SoundResponse(door, Sound(heard(door, followed(door, job)), ext), {})

    @routes.get("/v1/audio/jobs/{job}/parts/{index}", summary="A part's file", responses=sound)
    async def part(job: str, index: Annotated[int, Path(ge=0, le=1_000_000)]) -> Response:
        """One part as it is stored. Its samples no longer change."""
        parts = (await door.status(job, index - 1)).get("parts") or {}
        found = [item for item in parts.get("items") or [] if item["index"] == index]
        if not found:
            raise Failed(
                "NOT_FOUND", f"job {job!r} has no part {index}: `parts` of its status has those that are ready"
            )
        return await _file(door, job, found[0], parts["format"], download=False)

    timed = shows("The words.", _WORDS)

    @routes.get("/v1/audio/jobs/{job}/words", summary="When each word is spoken", responses=timed)
    async def words(job: str) -> Response:
        """The words and their times as JSON, for a job that asked for `words`."""
        return await _beside(door, job, "words", download=False)

    @routes.get(
        "/v1/audio/jobs/{job}/subtitles.{ext}",
        summary="A job's subtitles",
        responses=binary("The file.", _MEDIA["srt"], _MEDIA["vtt"], _MEDIA["ass"]),
    )
    async def subtitles(job: str, ext: Literal["srt", "vtt", "ass"], *, download: Download = False) -> Response:
        """The subtitles, for a job that asked for them with `subtitles`."""
        return await _beside(door, job, ext, download=download)

    return routes


async def _result(door: Door, job: str) -> Reply:
    return await result_of(door, await door.status(job))


async def _beside(door: Door, job: str, kind: str, *, download: bool) -> Response:
    files = (await _result(door, job)).get("files") or {}
    if kind not in files:
        wish = "words: true" if kind == "words" else f"subtitles: [{kind!r}]"
        raise Failed("NOT_FOUND", f"job {job!r} has no {kind}: ask for it by {wish} when you generate")
    return await _file(door, job, files[kind], kind, download=download)


async def _file(door: Door, job: str, item: Item, kind: str, *, download: bool) -> Response:
    return Response(await fetched(door, item), media_type=_MEDIA[kind], headers=_named(job, kind, download=download))


def _named(job: str, kind: str, *, download: bool) -> dict[str, str]:
    """Set the file's name. The job's id is a plain name here: its result was found."""
    return {"content-disposition": f'attachment; filename="{job}.{kind}"'} if download else {}
