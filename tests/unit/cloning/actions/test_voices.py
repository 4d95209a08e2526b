"""Stored voices: their pages, and one that was deleted."""

import pytest

from cloning.errors import VoiceNotFound
from cloning.service import Service
from tests.unit.cloning.asking import act


def test_a_deleted_voice_is_not_found(service: Service, audio: str) -> None:
    """After its voice was deleted the next generate fails as not found."""
    act(service, action="upload", voice="anna", audio=audio, consent=True)
    act(service, action="delete", voice="anna.wav")

    with pytest.raises(VoiceNotFound):
        act(service, text="Hello.", voice="anna")


def test_pages_of_voices_lead_to_each_other(service: Service, audio: str) -> None:
    """Pages of voices lead to each other, and `next_cursor` is null at the end."""
    for name in ("a", "b", "c"):
        act(service, action="upload", voice=name, audio=audio, consent=True)

    first = act(service, action="voices", limit=2)
    second = act(service, action="voices", limit=2, cursor=first["next_cursor"])

    assert ([one["voice"] for one in first["voices"]], first["count"]) == (["a", "b"], 2)
    assert ([one["voice"] for one in second["voices"]], second["next_cursor"]) == (["c"], None)
