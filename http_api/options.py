"""What a deployment decides of its HTTP door."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The names that OpenAI's own clients know; some accept no others.
OPENAI_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Options:
    """
    `api_key` is what callers must send as a bearer token; None: nobody is asked.

    Requests whose Host header isn't one of `hosts` are refused (None: any), because a web page may point its own name at this machine.
    `aliases` are voices by the names under which callers ask for them; `default_voice` speaks for OpenAI's own names without an alias,
    and where a request names none. Sizes are in bytes, times in seconds.
    """

    api_key: str | None = None
    hosts: frozenset[str] | None = LOOPBACK
    aliases: Mapping[str, str] = field(default_factory=dict)
    default_voice: str | None = None
    has_page: bool = False
    most_bytes: int = 30_000_000
    most_seconds_to_send: float = 30.0
