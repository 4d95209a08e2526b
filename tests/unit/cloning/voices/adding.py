"""Voices that are tones."""

from cloning.audio.canonical import check_and_make_canonical
from cloning.voices.library import VoiceLibrary
from cloning.voices.record import NewVoice, Voice
from tests.unit.cloning.audio.test_canonical import tone, wav


def add(
    voices: VoiceLibrary,
    name: str = "anna",
    *,
    seconds: float = 2.0,
    replace: bool = False,
    transcript: str | None = None,
) -> Voice:
    """Store a voice of that length; other lengths are other recordings."""
    canonical, measures = check_and_make_canonical(wav(tone(seconds)))
    return voices.add(
        NewVoice(name, consent=True, language="en", transcript=transcript), canonical, measures, replace=replace
    )
