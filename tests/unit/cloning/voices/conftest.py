"""A voice library in a folder."""

from pathlib import Path

import pytest

from cloning.voices.library import VoiceLibrary
from storage.folder_store import FolderStore
from tests.standins.fakes import InlineDecoder, ManualClock


@pytest.fixture
def voices(store: FolderStore, clock: ManualClock, tmp_path: Path) -> VoiceLibrary:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return VoiceLibrary(store, clock, scratch, InlineDecoder(), max_audio_bytes=10_000_000)
