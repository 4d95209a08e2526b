"""Requests to a service in this process, without the worker around it."""

from base64 import b64encode
from typing import Any

from cloning.actions import perform
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Call, Service

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 20  # many chunks


def act(service: Service, call: Call | str = "runpod-1", /, **raw: Any) -> dict[str, Any]:
    """Send a request, in this call or in a new one of that delivery's id; return the reply."""
    delivery = call if isinstance(call, Call) else Call(call)
    return perform(service, parse(raw, Limits(20_000, 10_000_000)), delivery)


def service_upload(service: Service, wav: bytes, **more: Any) -> dict[str, Any]:
    """Store the voice anna."""
    return act(service, action="upload", voice="anna", audio=b64encode(wav).decode(), consent=True, **more)
