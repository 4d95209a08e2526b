"""The recogniser's own error on a voice's recording, whose words are known: a check of that voice's speech can say no more."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

_MOST = 256


@dataclass(frozen=True)
class Control:
    """
    How well the recogniser hears a voice's own recording.

    `state` and the figures are those of its verdict, as if it were speech. `reason` says why speech like it can't be checked; '' if it can.
    """

    state: str
    score: float
    wer: float | None
    reason: str

    def to_json(self) -> dict[str, object]:
        """The figures for a reply."""
        return {"state": self.state, "score": round(self.score, 3), "wer": self.wer}


class ControlCache:
    """
    The controls of the voices used last, so that a warm worker hears a voice's recording once and not for every job. Thread-safe.

    A key names all that a control depends on: recording, words, language, recogniser. Two jobs that miss at once both ask the recogniser, with the same answer.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: OrderedDict[Hashable, Control] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Control | None:
        """The key's control; None if it is not known."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def keep(self, key: Hashable, control: Control) -> None:
        """Keep a control; the one that was used the longest ago goes."""
        with self._lock:
            self._known[key] = control
            self._known.move_to_end(key)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
