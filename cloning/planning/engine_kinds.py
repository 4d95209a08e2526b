"""What the service knows of each engine before one is loaded: F5 (cloning.planning.f5) and XTTS (cloning.planning.xtts)."""

from collections.abc import Mapping
from typing import Protocol

from cloning.names import EngineName
from cloning.planning.f5 import F5, Plan
from cloning.planning.xtts import XTTS
from cloning.ports import Parameters


class EngineKind(Protocol):
    """
    One kind of engine: its name, the setting that names its checkpoint, what it needs, and how it plans a text.

    Its values and profiles stand in cloning.parameters, where requests look them up.

    `needs_transcript`: the length of its speech goes by the reference's words, and it is told no language. `needs_language`: it
    must be told the language of the text, and it speaks only its own.
    """

    @property
    def name(self) -> EngineName: ...

    @property
    def setting(self) -> str: ...

    @property
    def needs_transcript(self) -> bool: ...

    @property
    def needs_language(self) -> bool: ...

    def language(self, asked: str | None, of_voice: str | None) -> str | None:
        """The text's language, as the request or else the voice says. Raises InvalidRequest if it must be known and is not."""

    def plan(self, text: str, *, words: str, reference_s: float, language: str | None, parameters: Parameters) -> Plan:
        """The chunks for a reference of `reference_s` seconds in which `words` are said, without seeds. Raises InvalidText, InvalidRequest."""


KINDS: Mapping[EngineName, EngineKind] = {kind.name: kind for kind in (F5, XTTS)}
