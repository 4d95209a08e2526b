"""
The steps of a flow. A flow is a generator: it yields steps, is sent the answer to each, and returns its result.

So requests, and the rules for repeating them, are written once for callers that block and for those that don't.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send a request to the endpoint, with the key."""

    method: str
    url: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Fetch:
    """Fetch a file from elsewhere, without the key; `sink` gets its bytes if the status is 200."""

    url: str = field(repr=False)  # often presigned
    sink: Callable[[bytes], object]


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """The answer; status 0 if there was none, and then `problem` says why."""

    status: int = 0
    body: bytes = b""
    retry_after: str = ""
    should_retry: str = ""
    problem: str = ""

    def json(self) -> dict[str, Any] | None:
        """The body's JSON object; None if it holds none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


Step = Send | Fetch | Pause
Flow = Generator[Step, Answer, T]
