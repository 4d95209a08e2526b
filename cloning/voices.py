"""
The voice library: a record that names canonical audio, in the bucket.

Audio first, record last: a reader who sees the record can rely on the audio. A transcript is made once per voice for ever;
whoever loses the race to write it takes the other's.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloning import keys
from cloning.audio import SAMPLE_RATE, Canonical, Measures, check_and_make_canonical
from cloning.errors import StorageUnavailable, VoiceExists, VoiceNotFound
from cloning.ports import AlreadyExists, Changed, Clock, DigestMismatch, NoSuchObject, ObjectStore
from cloning.records import CONTENT_TYPE, Record


class VoiceAudio(Record):
    """The canonical audio that a record names. `duration` in seconds, `sample_rate` in Hz."""

    sha256: str
    bytes: int
    duration: float
    sample_rate: int = SAMPLE_RATE
    clipped: bool


class VoiceTranscript(Record):
    """What is said in the canonical audio, and who says so: a recogniser's name, or 'caller'."""

    text: str
    made_by: str
    made_at: datetime


class Consent(Record):
    """Whether the speaker agreed. `given` is None where nobody was asked (an older deployment's voice)."""

    given: bool | None
    statement: str | None
    recorded_at: datetime


class Voice(Record):
    """A voice's record, as stored at voices/<voice>/voice.json."""

    voice: str
    audio: VoiceAudio
    transcript: VoiceTranscript | None
    language: str | None
    consent: Consent
    measured: dict[str, int | float]
    created_at: datetime
    adopted: bool = False


@dataclass(frozen=True)
class NewVoice:
    """Everything an upload says of a voice besides its sound."""

    voice: str
    consent: bool | str | None
    language: str | None
    transcript: str | None
    adopted: bool = False


class VoiceLibrary:
    """Voices by name. Every method may raise StorageUnavailable or StorageMisconfigured."""

    def __init__(self, store: ObjectStore, clock: Clock, scratch: Path) -> None:
        self._store = store
        self._clock = clock
        self._scratch = scratch

    def add(self, new: NewVoice, canonical: Canonical, measures: Measures, *, replace: bool) -> Voice:
        """Store a voice. The same audio again is the same voice; another one under that name raises VoiceExists."""
        voice = self._record_of(new, canonical, measures)
        self._put_audio(voice, canonical.wav)
        key = keys.voice_record(new.voice)
        try:
            self._store.create(key, voice.body(), content_type=CONTENT_TYPE)
        except AlreadyExists:
            return self._add_again(voice, replace=replace)
        return voice

    def _add_again(self, voice: Voice, *, replace: bool) -> Voice:
        stored, etag = self._load(voice.voice)
        if stored.audio.sha256 == voice.audio.sha256 and not replace:
            return stored
        if not replace:
            raise VoiceExists(
                f"voice {voice.voice!r} exists with other audio; choose another name, or send replace: true",
                voice=voice.voice,
            )
        try:
            self._store.replace(keys.voice_record(voice.voice), voice.body(), etag=etag, content_type=CONTENT_TYPE)
        except Changed:
            if self._load(voice.voice)[0] == voice:  # our own write, whose reply was lost
                return voice
            raise VoiceExists(
                f"voice {voice.voice!r} was changed by somebody else just now; send it again", voice=voice.voice
            ) from None
        if stored.audio.sha256 != voice.audio.sha256:
            self._store.delete(keys.voice_audio(voice.voice, stored.audio.sha256))
        return voice

    def get(self, voice: str) -> Voice:
        """A voice's record; a bare file of an older deployment becomes one. Raises VoiceNotFound, InvalidAudio."""
        try:
            return self._load(voice)[0]
        except VoiceNotFound:
            return self._adopt(voice)

    def _adopt(self, voice: str) -> Voice:
        try:
            data = self._store.get(keys.bare_voice(voice)).body
        except NoSuchObject:
            raise VoiceNotFound(f"no voice {voice!r}; upload it first, or list the voices", voice=voice) from None
        canonical, measures = check_and_make_canonical(data)
        new = NewVoice(voice, consent=None, language=None, transcript=None, adopted=True)
        return self.add(new, canonical, measures, replace=False)

    def reference(self, voice: Voice) -> Path:
        """The canonical WAV as a file on this machine, its sha256 checked."""
        path = self._scratch / f"{voice.audio.sha256}.wav"
        if not path.exists():
            try:
                self._store.download(keys.voice_audio(voice.voice, voice.audio.sha256), path, sha256=voice.audio.sha256)
            except NoSuchObject:
                raise VoiceNotFound(
                    f"voice {voice.voice!r} has a record but no audio; upload it again", voice=voice.voice
                ) from None
            except DigestMismatch:
                raise StorageUnavailable(
                    f"the audio of voice {voice.voice!r} arrived damaged; try again", voice=voice.voice
                ) from None
        return path

    def with_transcript(self, voice: Voice, text: str, made_by: str) -> Voice:
        """The record with this transcript, or with the one that another worker wrote first."""
        while voice.transcript is None:
            stored, etag = self._load(voice.voice)
            if stored.transcript is not None or stored.audio.sha256 != voice.audio.sha256:
                return stored
            made = VoiceTranscript(text=text, made_by=made_by, made_at=self._clock.now())
            voice = stored.model_copy(update={"transcript": made})
            try:
                self._store.replace(keys.voice_record(voice.voice), voice.body(), etag=etag, content_type=CONTENT_TYPE)
            except Changed:
                voice = stored
        return voice

    def page(self, *, limit: int, after: str) -> tuple[list[Voice | str], str | None]:
        """Up to `limit` voices (a name alone is a bare file that nobody used yet) and the cursor of the next page."""
        voices: list[Voice | str] = []
        last = after
        for key, voice, is_bare in self._found(after):
            if len(voices) == limit:
                return voices, last
            last = key
            if (entry := self._entry(voice, is_bare=is_bare)) is not None:
                voices.append(entry)
        return voices, None

    def _found(self, after: str) -> Iterator[tuple[str, str, bool]]:
        for info in self._store.list(keys.VOICES, after=after):
            if found := keys.voice_of(info.key):
                yield info.key, *found

    def _entry(self, voice: str, *, is_bare: bool) -> Voice | str | None:
        """A bare file is listed by its name until it has a record, and then by the record alone."""
        try:
            record = self._load(voice)[0]
        except VoiceNotFound:
            return voice if is_bare else None
        return None if is_bare else record

    def delete(self, voice: str) -> None:
        """Remove a voice and all that it owns, the record first. Raises VoiceNotFound."""
        owned = [info.key for info in self._store.list(keys.voice_folder(voice))]
        bare = keys.bare_voice(voice)
        if not owned and not self._exists(bare):
            raise VoiceNotFound(f"no voice {voice!r} to delete", voice=voice)
        # A bare file first: were it last, a voice deleted half-way would be adopted again.
        for key in [bare, keys.voice_record(voice), *owned]:
            self._store.delete(key)

    def _exists(self, key: str) -> bool:
        try:
            self._store.head(key)
        except NoSuchObject:
            return False
        return True

    def _record_of(self, new: NewVoice, canonical: Canonical, measures: Measures) -> Voice:
        now = self._clock.now()
        statement = new.consent if isinstance(new.consent, str) else None
        return Voice(
            voice=new.voice,
            audio=VoiceAudio(
                sha256=hashlib.sha256(canonical.wav).hexdigest(),
                bytes=len(canonical.wav),
                duration=round(canonical.duration, 4),
                clipped=canonical.clipped,
            ),
            transcript=VoiceTranscript(text=new.transcript, made_by="caller", made_at=now) if new.transcript else None,
            language=new.language,
            consent=Consent(
                given=None if new.consent is None else bool(new.consent), statement=statement, recorded_at=now
            ),
            measured=measures.to_json(),
            created_at=now,
            adopted=new.adopted,
        )

    def _put_audio(self, voice: Voice, wav: bytes) -> None:
        self._store.put(keys.voice_audio(voice.voice, voice.audio.sha256), wav, content_type="audio/wav")

    def _load(self, voice: str) -> tuple[Voice, str]:
        try:
            stored = self._store.get(keys.voice_record(voice))
        except NoSuchObject:
            raise VoiceNotFound(f"no voice {voice!r}; upload it first, or list the voices", voice=voice) from None
        return Voice.model_validate_json(stored.body), stored.etag
