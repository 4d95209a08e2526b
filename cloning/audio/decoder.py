"""What the service asks of whoever decodes audio. A port of its own: it speaks of what cloning/audio/canonical.py makes."""

from threading import Event
from typing import Protocol

from cloning.audio.canonical import Canonical, Measures
from cloning.audio.decoding import Recording


class AudioDecoder(Protocol):
    """
    Reads audio that nobody vouches for.

    Both methods raise InvalidAudio for what is wrong with the audio, its appetite for memory and time included; Interrupted
    soon after `stopped` is set; and Unavailable where this machine is in trouble, so that the same call may work later.
    """

    def canonical(self, data: bytes, *, stopped: Event | None = None) -> tuple[Canonical, Measures]:
        """A recording as it is stored, and what was measured of it: `cloning.audio.canonical.check_and_make_canonical`."""

    def recording(self, data: bytes, *, stopped: Event | None = None) -> Recording:
        """A recording's samples: `cloning.audio.decoding.decode`."""
