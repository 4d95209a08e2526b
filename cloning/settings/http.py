"""The settings of the worker's own HTTP server (`SERVE=http`), for load-balancing endpoints."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from cloning.keys import is_id
from cloning.settings.bucket import BucketSettings
from cloning.settings.types import SessionToken

_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]")


def aliases(value: object) -> object:
    """Read 'alloy=anna,nova=ben', or the same as a JSON object. Raises ValueError."""
    if not isinstance(value, str):
        return value
    told = _json_object(value) if value.startswith("{") else _pairs(value)
    for alias, voice in told.items():
        if not alias.strip() or not isinstance(voice, str) or not is_id(voice):
            raise ValueError(f"should name voices by aliases, like alloy=anna,nova=ben; {alias!r} has no voice's name")
    return told


def hosts(value: object) -> object:
    """Split 'speech.example.com, 10.0.0.7' into host names, in lower case. Raises ValueError."""
    if not isinstance(value, str):
        return value
    names = [one.strip().lower() for one in value.removesuffix(",").split(",")]
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(f"should be host names without scheme and port, separated by commas; {name!r} is not one")
    return frozenset(names)


def _json_object(value: str) -> dict[str, object]:
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("should be a JSON object of strings, or pairs like alloy=anna,nova=ben") from None
    return dict(told)


def _pairs(value: str) -> dict[str, object]:
    parts = [one.partition("=") for one in value.removesuffix(",").split(",")]
    return {alias.strip(): voice.strip() for alias, _, voice in parts}


class HttpSettings(BucketSettings):
    """How requests come: from RunPod's queue, or over HTTP to this worker. All settings but the first apply with `SERVE=http` only."""

    serve: Literal["queue", "http"] = Field(
        "queue",
        description="How requests come: `queue` from RunPod's queue, `http` to this worker's own port, for an endpoint of the type load balancer ([deploy](deploy.md#load-balancing-endpoints)). The settings from `PORT` to `HTTP_HOSTS` count with `http` alone.",
    )
    port: int = Field(
        80,
        ge=1,
        le=65_535,
        description="Port to listen on: at every address on RunPod or with an `API_KEY`, otherwise at this machine's own.",
    )
    port_health: int | None = Field(
        None,
        examples=[8080],
        ge=1,
        le=65_535,
        description="Port of RunPod's health check, which asks `/ping`, if it is another one. Unset: `PORT`.",
    )
    preload: bool = Field(
        default=False,
        examples=[1],
        description="`1` loads the default engine, and the recogniser if `CHECK` needs it, before `/ping` says that the worker is ready. Unset: the first request waits for them.",
    )
    api_key: SessionToken | None = Field(
        None,
        examples=["sk-voice-1"],
        description="Key that callers send as `Authorization: Bearer ...`. RunPod's load balancer wants its account's key in that header and checks it already: set this only where something else is in front. Off RunPod a worker without it listens on this machine alone (127.0.0.1).",
    )
    voice_aliases: Annotated[Mapping[str, str] | None, NoDecode, BeforeValidator(aliases)] = Field(
        None,
        examples=["alloy=anna,nova=ben"],
        description='Voices by other names, for clients that know OpenAI\'s 13 names only: `alloy=anna,nova=ben`, or a JSON object `{"alloy": "anna"}`.',
    )
    default_voice: str | None = Field(
        None,
        examples=["anna"],
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Voice for those of OpenAI's names that have no alias, and for requests that name none.",
    )
    http_hosts: Annotated[frozenset[str] | None, NoDecode, BeforeValidator(hosts)] = Field(
        None,
        examples=["speech.example.com"],
        description="Host names, separated by commas, under which requests may come; others are refused. Unset: any; where the worker listens on this machine alone, only its own names.",
    )
