"""A job in parts, and what is heard of it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from http_api.port import Reply
from http_api.sound.parts import Item

TEXT = "What is said."


def fields(job_id: str = "one") -> Reply:
    """A request for speech in parts."""
    return {"text": TEXT, "voice": "anna", "job_id": job_id, "parts": True, "format": "flac"}


async def indexes(items: AsyncGenerator[Item]) -> list[int | None]:
    """The places of all parts; None stands for a whole result."""
    async with aclosing(items):
        return [item.get("index") async for item in items]
