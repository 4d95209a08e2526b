"""`audio_key` may name a recording that was uploaded for this purpose, and no other object of the bucket."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloning import keys
from cloning.errors import InvalidAudio, InvalidRequest
from cloning.requests.problems import shown
from cloning.service import Service
from cloning.settings import Settings
from storage.folder_store import FolderStore
from tests.conftest import with_settings
from tests.unit.cloning.asking import act
from tests.unit.cloning.audio.test_canonical import tone, wav

SHA = "a" * 64
FOREIGN = [
    keys.voice_audio("alice", SHA), keys.voice_record("alice"), keys.bare_voice("alice"), keys.job_record("j"),
    keys.chunk("j", 0, SHA), keys.result("j", SHA, "wav"), keys.checkpoint_card("x"), keys.probe("p"), "top.wav",
    "uploads", "uploads.wav", "uploads-old/a.wav", "Uploads/a.wav", "inbox/a.wav", "x/uploads/a.wav", " uploads/a.wav", "/uploads/a.wav",
]  # fmt: skip


class Untouched(FolderStore):
    """A store on which every call fails."""

    def head(self, key: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - it never returns
        pytest.fail(f"asked for {key}")

    def get(self, key: str, *, most: int | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201 - it never returns
        pytest.fail(f"asked for {key}")


def refusal(service: Service, key: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        act(service, action="upload", voice="mallory", audio_key=key, consent=True)
    return refused.value


@pytest.mark.parametrize("key", FOREIGN)
def test_a_key_outside_is_refused_without_a_look(service: Service, tmp_path: Path, key: str) -> None:
    """A key outside the allowed folders is refused without looking: the words are the same whatever the object is."""
    error = refusal(replace(service, store=Untouched(tmp_path / "bucket")), key)

    assert (error.code, error.details) == ("INVALID_REQUEST", {"field": "audio_key", "allowed": ["uploads/"]})
    assert error.message.replace(shown(key), "KEY") == (
        "audio_key KEY is not below uploads/: put the recording there and send that key (AUDIO_KEY_PREFIXES names other folders)"
    )


@pytest.mark.parametrize(
    "key", ["uploads/../voices/alice/voice.json", "uploads//a.wav", "uploads/", "uploads/./a", "uploads/a\\b"]
)
def test_a_key_can_not_climb_out(service: Service, key: str) -> None:
    """Dots, empty segments and backslashes can't lead out of the folder."""
    assert "can't be a key" in refusal(service, key).message


def test_below_uploads_all_is_told(service: Service, store: FolderStore) -> None:
    """Below uploads/ the error says what is wrong with the recording."""
    store.put("uploads/a.txt", b"no sound", content_type="text/plain")

    assert "names nothing" in refusal(service, "uploads/none.wav").message
    assert isinstance(refusal(service, "uploads/a.txt"), InvalidAudio)


def test_a_setting_names_other_folders(service: Service, store: FolderStore) -> None:
    """The setting names other folders, and then only those are allowed."""
    store.put("inbox/take 1.wav", wav(tone(2.0)), content_type="audio/wav")
    widened = with_settings(service, audio_key_prefixes=("inbox/",))

    assert act(widened, action="upload", voice="anna", audio_key="inbox/take 1.wav", consent=True)["status"] == "STORED"
    assert "below inbox/" in refusal(widened, "uploads/a.wav").message


@pytest.mark.parametrize(
    ("value", "folders"),
    [
        ("inbox", ("inbox/",)),
        (" /inbox/ , a/b ", ("inbox/", "a/b/")),
        ("", ("uploads/",)),
        ("voices-in", ("voices-in/",)),
    ],
)
def test_folders_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, value: str, folders: tuple[str, ...]
) -> None:
    """Folders may be written with or without slashes; a blank value counts as unset."""
    monkeypatch.setenv("AUDIO_KEY_PREFIXES", value)

    assert Settings().audio_key_prefixes == folders


@given(folder=st.sampled_from(keys.OURS), more=st.sampled_from(["", "alice", "x/y/"]))
def test_no_setting_opens_the_services_own_folders(folder: str, more: str) -> None:
    """No setting opens the service's own folders, in which other voices' recordings lie."""
    with pytest.raises(ValidationError, match="the service's own"):
        Settings(audio_key_prefixes=f"uploads,{folder}{more}")


@pytest.mark.parametrize(
    "value", ["/", ",", "uploads,,inbox", "uploads;inbox", "[uploads]", "uploads/*", "../x", "a//b", "a\\b"]
)
def test_what_is_no_folder_is_refused_at_the_start(value: str) -> None:
    """A value that is no folder, or is the whole bucket, is refused at the start."""
    with pytest.raises(ValidationError, match="should be folders'"):
        Settings(audio_key_prefixes=value)
