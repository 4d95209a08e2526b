"""What a deployment sets for its HTTP interface."""

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
    `api_key` is what callers must send as a bearer token; with None no key is needed.

    Requests whose Host header isn't one of `hosts` are refused (None: any host is accepted), because a web page may point its own name
    to this machine. `aliases` maps names that callers use to voices. `default_voice` is used for OpenAI's own names without an alias,
    and for requests without a voice. Sizes are in bytes, times in seconds.
    """

    api_key: str | None = None
    hosts: frozenset[str] | None = LOOPBACK
    aliases: Mapping[str, str] = field(default_factory=dict)
    default_voice: str | None = None
    has_page: bool = False
    most_bytes: int = 30_000_000
    most_seconds_to_send: float = 30.0
