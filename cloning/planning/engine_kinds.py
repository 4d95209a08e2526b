"""Everything that the service knows of each engine before one is loaded: F5 (cloning.planning.f5) and XTTS (cloning.planning.xtts)."""

from collections.abc import Mapping
from typing import Any, Protocol

from cloning.names import EngineName, ProfileName
from cloning.planning.f5 import F5, Plan
from cloning.planning.xtts import XTTS
from cloning.ports import Parameters
from cloning.settings import Settings


class EngineKind(Protocol):
    """
    One kind of engine: its name, the setting that names its checkpoint, its profiles, its needs, and its planning of a text.

    `intents` maps each profile's name to one of its own profiles. `extra` is a package without
    which it can't speak and which an image may leave out.
    `needs_transcript`: the length of its speech depends on the reference's words, and it takes no language. `needs_language`: it
    needs the language of the text, and speaks only its own. `reads_numbers`: it writes numbers and the like out itself.
    """

    @property
    def name(self) -> EngineName: ...

    @property
    def setting(self) -> str: ...

    @property
    def extra(self) -> str | None: ...

    @property
    def profiles(self) -> Mapping[ProfileName, Parameters]: ...

    @property
    def intents(self) -> Mapping[ProfileName, ProfileName]: ...

    @property
    def needs_transcript(self) -> bool: ...

    @property
    def needs_language(self) -> bool: ...

    @property
    def reads_numbers(self) -> bool: ...

    def checkpoint(self, settings: Settings) -> str:
        """The checkpoint to use unless a request names another."""

    def refuse_contradictions(self, given: Mapping[str, Any]) -> None:
        """Refuse values of a request of which one makes another void. Raises InvalidRequest."""

    def refuse_reference(self, parameters: Parameters, reference_s: float) -> None:
        """Refuse values that don't fit a reference of that length, whatever the text. Raises InvalidRequest."""

    def language(self, asked: str | None, of_voice: str | None) -> str | None:
        """The text's language: the request's, else the voice's. Raises InvalidRequest if it must be known and is not."""

    def plan(
        self,
        text: str,
        *,
        words: str,
        reference_s: float,
        language: str | None,
        parameters: Parameters,
        first_s: float | None = None,
    ) -> Plan:
        """
        The chunks for a reference of `reference_s` seconds in which `words` are said, without seeds; the first lasts about `first_s`.

        Raises InvalidText, InvalidRequest.
        """


KINDS: Mapping[EngineName, EngineKind] = {kind.name: kind for kind in (F5, XTTS)}
