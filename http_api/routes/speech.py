"""POST /v1/audio/speech, as in OpenAI's API: audio is sent as it is made."""

from fastapi import APIRouter, Response

from http_api.door import Door
from http_api.errors import Failed
from http_api.openapi import binary, events
from http_api.port import Reply
from http_api.routes.speech_fields import Speech
from http_api.sound.encoding import MEDIA
from http_api.sound.parts import spoken
from http_api.sound.streaming import Sound, SoundResponse, heard, quiet

_SILENCE_S = 0.2
_EVENT = (
    "JSON with `type`: `speech.audio.delta` with the next bytes in `audio` (base64), at the end `speech.audio.done` with `usage`, or, if it "
    "failed late, `speech.audio.error` with `error`"
)


def speech_routes(door: Door) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["speech"])

    @routes.post(
        "/v1/audio/speech",
        summary="Speak a text",
        response_class=Response,
        responses=events(_EVENT, binary("The sound, as it is made.", *MEDIA.values())),
    )
    async def speak(speech: Speech) -> Response:
        """
        Speak `input` with `voice`.

        The status line and the first bytes are sent when the first seconds are spoken. A later failure ends the connection in the middle of
        the body, or is sent as the event `speech.audio.error`. Hanging up cancels the job, unless the request brought a `job_id`: then the
        job runs on, and the same request finds it.

        Headers: `x-request-id` is the job's id, `x-seed` the seed if one was sent, `x-ignored-fields` the fields without an effect.
        """
        return await _speak(door, speech)

    return routes


async def _speak(door: Door, speech: Speech) -> Response:
    if not speech.input.strip():
        raise Failed("INVALID_TEXT", "input is empty: send the text to speak", param="input")
    fields = speech.generate(door.options, door.new_id())
    door.metrics.characters.add(len(speech.input))
    # Programs try a server with a text like "."; no model can speak it, and a refusal would say that the server doesn't work.
    if any(sign.isalnum() for sign in speech.input):
        source = heard(door, spoken(door, fields, speech.names))
    else:
        await _check_voice(door, speech, fields["voice"])
        source = quiet(_SILENCE_S)
    characters = len(speech.input) if speech.stream_format == "sse" else None
    return SoundResponse(door, Sound(source, speech.response_format), _headers(speech, fields), characters)


async def _check_voice(door: Door, speech: Speech, voice: str) -> None:
    """Raises Failed if there is no such voice. The deployment's own choice is believed: such a try may not have to wait for a cold start."""
    if voice == speech.named_voice:
        await door.call("read", {"text": "Is there this voice?", "voice": voice})


def _headers(speech: Speech, fields: Reply) -> dict[str, str]:
    told = {"x-request-id": fields["job_id"], "x-seed": fields.get("seed"), "x-ignored-fields": speech.ignored}
    return {name: str(text) for name, text in told.items() if text is not None and text != ""}
