"""The voice library: audio first, record last, one transcript for good."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cloning import keys
from cloning.audio.canonical import check_and_make_canonical, encode_pcm16, to_pcm16
from cloning.errors import InvalidAudio, StorageUnavailable, VoiceExists, VoiceNotFound
from cloning.voices.library import VoiceLibrary
from cloning.voices.record import NewVoice
from storage.folder_store import FolderStore
from tests.unit.cloning.audio.test_canonical import tone, wav
from tests.unit.cloning.voices.adding import add


def test_a_record_names_audio_that_is_there(voices: VoiceLibrary, store: FolderStore) -> None:
    """A record is written after its audio, so a reader can rely on the audio and its digest."""
    voice = add(voices)

    audio = store.get(keys.voice_audio("anna", voice.audio.sha256)).body
    assert hashlib.sha256(audio).hexdigest() == voice.audio.sha256
    assert voices.get("anna") == voice
    assert voices.with_audio(voice)[1].read_bytes() == audio


def test_the_same_upload_twice_is_one_voice(voices: VoiceLibrary) -> None:
    """An upload that is delivered twice makes one voice."""
    assert add(voices) == add(voices)


def test_another_recording_under_a_taken_name_is_refused(voices: VoiceLibrary) -> None:
    """Another recording under a taken name is refused unless `replace` is set."""
    first = add(voices)

    with pytest.raises(VoiceExists):
        add(voices, seconds=3.0)
    assert voices.get("anna") == first


def test_a_replaced_voice_leaves_nothing_of_the_old(voices: VoiceLibrary, store: FolderStore) -> None:
    """Replacing a voice removes all of the old one, even its audio: its speaker may have asked for that."""
    old = add(voices, transcript="old words")

    new = add(voices, seconds=3.0, replace=True)

    assert voices.get("anna") == new
    assert new.transcript is None
    assert old.audio.sha256 not in "".join(info.key for info in store.list())


def test_a_bare_file_of_an_older_deployment_is_adopted(
    voices: VoiceLibrary, store: FolderStore, human_wav: bytes
) -> None:
    """A bare file is checked, made canonical and given a record at its first use, which says that nobody was asked for consent."""
    store.put("voices/old.wav", human_wav, content_type="audio/wav")

    voice = voices.get("old")

    assert (voice.adopted, voice.consent.given, voice.audio.sample_rate) == (True, None, 24_000)
    assert voices.get("old") == voice


def test_a_bare_file_that_is_no_audio_is_refused(voices: VoiceLibrary, store: FolderStore) -> None:
    """A bare file that is no audio is refused as an upload would be, and gets no record."""
    store.put("voices/old.wav", b"not a sound at all", content_type="audio/wav")

    with pytest.raises(InvalidAudio):
        voices.get("old")
    assert [info.key for info in store.list()] == ["voices/old.wav"]


def test_an_unknown_voice_is_not_found(voices: VoiceLibrary) -> None:
    """Every verb reports an unknown voice as not found."""
    for verb in (voices.get, voices.delete):
        with pytest.raises(VoiceNotFound):
            verb("nobody")


def test_the_first_transcript_stays(voices: VoiceLibrary) -> None:
    """Two workers that transcribe at once end with one text, the first one's."""
    voice = add(voices)

    first = voices.with_transcript(voice, "what one worker heard", "whisper")
    second = voices.with_transcript(voice, "what the other heard", "whisper")

    assert first.transcript == second.transcript
    assert second.transcript is not None
    assert second.transcript.text == "what one worker heard"


def test_a_transcript_of_replaced_audio_is_dropped(voices: VoiceLibrary) -> None:
    """A transcript is dropped if the audio was replaced while the worker listened."""
    voice = add(voices)
    new = add(voices, seconds=3.0, replace=True)

    assert voices.with_transcript(voice, "words of the old audio", "whisper") == new


def test_damaged_audio_is_never_used(voices: VoiceLibrary, store: FolderStore) -> None:
    """Audio that doesn't match the record's digest is never used."""
    voice = add(voices)
    cut_short = encode_pcm16(to_pcm16(tone(2.0)), 24_000, "wav")[:-10]
    store.put(keys.voice_audio("anna", voice.audio.sha256), cut_short, content_type="audio/wav")

    with pytest.raises(StorageUnavailable):
        voices.with_audio(voice)


def test_a_deleted_voice_is_gone_with_all_it_owned(voices: VoiceLibrary, store: FolderStore, human_wav: bytes) -> None:
    """Deleting a voice removes record, audio and the bare file that it came from; voices with similar names stay."""
    store.put("voices/anna.wav", human_wav, content_type="audio/wav")
    voices.get("anna")
    add(voices, "anna-2")

    voices.delete("anna")

    assert all(info.key.startswith("voices/anna-2/") for info in store.list())
    with pytest.raises(VoiceNotFound):
        voices.get("anna")


@pytest.mark.parametrize("field", ["transcript", "language", "consent"])
def test_an_upload_that_says_something_new_is_no_repetition(voices: VoiceLibrary, field: str) -> None:
    """The same audio with another language, consent or transcript is refused without `replace`, not silently dropped."""
    add(voices, transcript="these words")
    canonical, measures = check_and_make_canonical(wav(tone(2.0)))
    changes: dict[str, str] = {field: "pt" if field == "language" else "something else"}
    new = replace(NewVoice("anna", consent=True, language="en", transcript="these words"), **changes)  # type: ignore[arg-type]

    with pytest.raises(VoiceExists):
        voices.add(new, canonical, measures, replace=False)
    told = voices.add(new, canonical, measures, replace=True)
    assert {
        "transcript": told.transcript and told.transcript.text,
        "language": told.language,
        "consent": told.consent.statement,
    }[field] == changes[field]


def test_a_bare_files_name_is_taken(voices: VoiceLibrary, store: FolderStore, human_wav: bytes) -> None:
    """An upload doesn't hide an older deployment's voice of that name; with `replace` nothing of the older one is left."""
    store.put("voices/anna.wav", human_wav, content_type="audio/wav")

    with pytest.raises(VoiceExists):
        add(voices)
    voice = add(voices, replace=True)

    assert [info.key for info in store.list()] == sorted(
        [keys.voice_audio("anna", voice.audio.sha256), keys.voice_record("anna")]
    )


def test_the_same_audio_keeps_its_words(voices: VoiceLibrary) -> None:
    """Replacing a voice's consent keeps the transcript if the audio is the same."""
    voice = voices.with_transcript(add(voices), "the words", "whisper")
    canonical, measures = check_and_make_canonical(wav(tone(2.0)))

    told = voices.add(NewVoice("anna", "signed", "en", None), canonical, measures, replace=True)

    assert told.transcript == voice.transcript


def test_a_voice_replaced_since_it_was_read_is_read_again(voices: VoiceLibrary) -> None:
    """A job that waited while its voice was replaced gets the new audio instead of an error."""
    old = add(voices)
    new = add(voices, seconds=3.0, replace=True)

    voice, path = voices.with_audio(old)

    assert (voice, path.name) == (new, f"anna.{new.audio.sha256}.wav")


def test_two_replacements_at_once_leave_the_named_audio(voices: VoiceLibrary, store: FolderStore) -> None:
    """Of two replacements at once, one may restore audio that the other is about to remove: the named audio stays."""
    old = add(voices)
    add(voices, seconds=3.0, replace=True)

    back = add(voices, replace=True)

    assert back.audio == old.audio
    assert voices.with_audio(back)[1].exists()
    assert len([info for info in store.list() if info.key.endswith(".wav")]) == 1


def test_a_huge_bare_file_is_refused_unread(voices: VoiceLibrary, store: FolderStore) -> None:
    """A huge bare file is refused by its size, without being read."""
    store.put("voices/huge.wav", bytes(11_000_000), content_type="audio/wav")

    with pytest.raises(InvalidAudio, match=r"11\.0 MB"):
        voices.get("huge")


def test_voices_on_this_disk_are_limited(voices: VoiceLibrary, tmp_path: Path) -> None:
    """The voices on this disk are limited; the least recently used go."""
    for number in range(300):
        path = tmp_path / "scratch" / f"{number:064}.wav"
        path.write_bytes(b"")
        os.utime(path, (number, number))

    voices.with_audio(add(voices))

    kept = sorted(path.name for path in (tmp_path / "scratch").glob("*.wav"))
    assert len(kept) == 257
    assert f"{0:064}.wav" not in kept
