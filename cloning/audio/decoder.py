"""The port of an audio decoder. It is not in cloning/ports because it uses the types of cloning/audio/canonical.py."""

from threading import Event
from typing import Protocol

from cloning.audio.canonical import Canonical, Measures
from cloning.audio.decoding import Recording


class AudioDecoder(Protocol):
    """
    Decodes untrusted audio.

    Both methods raise InvalidAudio for a fault of the audio, including too much memory or time; Interrupted soon after `stopped`
    is set; and Unavailable for a failure of this machine, so that the same call may work later.
    """

    def canonical(self, data: bytes, *, stopped: Event | None = None) -> tuple[Canonical, Measures]:
        """A recording's stored form and its measures: `cloning.audio.canonical.check_and_make_canonical`."""

    def recording(self, data: bytes, *, stopped: Event | None = None) -> Recording:
        """A recording's samples: `cloning.audio.decoding.decode_speech`."""
