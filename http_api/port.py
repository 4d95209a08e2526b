"""What the HTTP application needs from the worker behind it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

Reply = dict[str, Any]
State = Literal["starting", "ready", "unfit"]


def unheard(_: Reply) -> None:
    """Ignore the update."""


class Worker(Protocol):
    """
    A worker of the service, in this process or behind a queue. Its methods are called on the event loop and never block it.

    A failure is a reply too, never an exception: `{"error": "CODE: message", "code", "message", "retryable", "details"}`.
    """

    @property
    def state(self) -> State:
        """`starting` until it accepts requests; `unfit` once it must be replaced, or is stopping."""

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        """
        Answer one request of docs/api.md; for a generate pass on each progress update, on the event loop.

        Cancelling the call only stops the waiting: a generate runs on until the action `cancel` ends it.
        """

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        """
        The bytes of an object that a reply of this worker names: a part, the `audio`, one of `files`. Their `sha256` was checked.

        Raises Unfetched.
        """


class Unfetched(Exception):
    """The object no longer exists, or its bytes are not what the reply promised."""
