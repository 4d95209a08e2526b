"""Voices: OpenAI's routes to create and delete one, and the list that compatible servers have."""

import base64
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from starlette.concurrency import run_in_threadpool

from http_api.door import Door
from http_api.errors import CONSENT_MISSING, Failed
from http_api.openapi import shows
from http_api.port import Reply

_NAMES = {"voice": "name", "audio": "audio_sample", "transcript": "ref_text"}
_PAGE = 100
_VOICE = {
    "id": "anna",
    "object": "audio.voice",
    "name": "anna",
    "type": "audio_sample",
    "created_at": 1795946400,
    "language": "en",
    "duration": 4.96,
}
_DELETED = {"id": "anna", "object": "audio.voice.deleted", "deleted": True}
_REFUSALS = frozenset({"", "false", "no"})


def voice_routes(door: Door) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["voices"])

    @routes.get(
        "/v1/audio/voices",
        summary="List voices",
        responses=shows("Voices.", {"object": "list", "voices": [_VOICE], "data": [_VOICE]}),
    )
    @routes.get("/v1/voices", include_in_schema=False)
    async def voices() -> Reply:
        """All voices, under each of the keys that clients read. A voice's id is its name."""
        listed = [voice async for voice in _voices(door)]
        return {"object": "list", "voices": listed, "data": listed}

    @routes.post("/v1/audio/voices", summary="Store a voice", responses=shows("The voice.", _VOICE))
    async def upload(
        name: Annotated[str, Form(description="1 to 64 letters, digits, `.`, `_`, `-`")],
        audio_sample: Annotated[
            UploadFile, File(description="the recording: WAV, FLAC, MP3, OGG, M4A/AAC or WebM; 1 to 60 s")
        ],
        consent: Annotated[str, Form(description="a sentence on how the speaker agreed to be cloned, or `true`")],
        ref_text: Annotated[str | None, Form(description="the exact words of the recording")] = None,
        language: Annotated[str | None, Form(description="language of the recording (`en`, `pt`)")] = None,
        *,
        transcribe_now: Annotated[bool, Form(description="make the transcript in this call")] = False,
        replace: Annotated[bool, Form(description="overwrite a voice of that name")] = False,
    ) -> Reply:
        """Store a voice. The reply is OpenAI's voice object, and the fields of the worker's `upload` reply."""
        if consent.strip().lower() in _REFUSALS:
            raise Failed("CONSENT_REQUIRED", CONSENT_MISSING, param="consent")
        optional = {"transcript": ref_text, "language": language}
        fields = {
            "voice": name,
            "audio": (await run_in_threadpool(base64.b64encode, await audio_sample.read())).decode(),
            "consent": consent.strip().lower() == "true" or consent,
            "transcribe_now": transcribe_now,
            "replace": replace,
            **{field: text for field, text in optional.items() if text},
        }
        reply = await door.call("upload", fields, _NAMES)
        return {**reply, **openai_voice(reply)}

    @routes.delete("/v1/audio/voices/{name}", summary="Delete a voice", responses=shows("It is gone.", _DELETED))
    async def delete(name: str) -> Reply:
        """Delete a voice: its recording and its record; 404 if there is none."""
        await door.call("delete", {"voice": name}, _NAMES)
        return {**_DELETED, "id": name}

    return routes


async def _voices(door: Door) -> AsyncGenerator[Reply]:
    cursor: dict[str, str] = {}
    while True:
        reply = await door.call("voices", {"limit": _PAGE, **cursor})
        for voice in reply["voices"]:
            yield openai_voice(voice)
        if reply["next_cursor"] is None:
            return
        cursor = {"cursor": reply["next_cursor"]}


def openai_voice(record: Reply) -> Reply:
    """A voice in OpenAI's form. Of a bare file or a damaged record only the name is known."""
    made = record.get("created_at")
    return {
        "id": record["voice"],
        "object": "audio.voice",
        "name": record["voice"],
        "type": "audio_sample",
        "created_at": int(datetime.fromisoformat(made).timestamp()) if made else 0,
        "language": record.get("language"),
        "duration": record.get("duration"),
    }
