"""
The bucket's layout: the only place where an object key is spelled or parsed.

    voices/<voice>/voice.json            the voice's record; it names the audio
    voices/<voice>/<sha256>.wav          canonical reference audio
    voices/<voice>/<sha256>.<edition>.wav  the same, if it replaced other audio
    voices/<voice>.wav                   a voice of an older deployment, adopted at its first use
    jobs/<job>/job.json                  the job's record; of a deleted job, the deliveries that won't bring it back
    jobs/<job>/chunks/<n>-<sha256>.wav   finished chunks
    jobs/<job>/chunks/<n>-<sha256>.json  what a check says of one
    jobs/<job>/parts/<edition>-<n>-<digest>.<format>  the speech so far, in parts; the edition is of the job, the digest of the part
    results/<job>.<digest>.<format>      the speech; 16 digits of a digest of it and of the claim that made it
    results/<job>.<digest>.json          its manifest
    results/<job>.<digest>.words         the words with their times, JSON
    results/<job>.<digest>.<srt|vtt|ass> its subtitles
    dictionaries/<name>.json             respellings of words
    checkpoints/<name>/<digest>/<file>   loadable checkpoints that workers publish; the digest is over all files
    checkpoints/<name>/checkpoint.json   a checkpoint that its owner put there; it names the files beside it
    uploads/                             recordings that callers may name by `audio_key`; the service writes none
    proofs/<digest>.json                 whether the fast solver is proved on a card; the digest is of all that this depends on
    probes/<id>                          written and removed at a worker's start, to test conditional writes

Ids are checked when a key is made and when it comes from a listing, so that no id can leave its folder.
"""

import hashlib
import re

VOICES = "voices/"
JOBS = "jobs/"
RESULTS = "results/"
DICTIONARIES = "dictionaries/"
CHECKPOINTS = "checkpoints/"
PROBES = "probes/"
PROOFS = "proofs/"
UPLOADS = "uploads/"
OURS = (VOICES, JOBS, RESULTS, DICTIONARIES, CHECKPOINTS, PROBES, PROOFS)
"""The prefixes of everything that the service itself writes."""

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ID = re.compile(ID_PATTERN)
_EDITION = re.compile(r"[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VOICE_RECORD = re.compile(rf"{VOICES}({ID_PATTERN})/voice\.json")
_VOICE_AUDIO = re.compile(rf"{VOICES}{ID_PATTERN}/[0-9a-f]{{64}}(?:\.([0-9a-f]{{16}}))?\.wav")
_BARE_VOICE = re.compile(rf"{VOICES}({ID_PATTERN})\.wav")
_DICTIONARY = re.compile(rf"{DICTIONARIES}({ID_PATTERN})\.json")
_CHECKPOINT_CARD = re.compile(rf"{CHECKPOINTS}({ID_PATTERN})/checkpoint\.json")
_OF_A_JOB = re.compile(rf"{JOBS}({ID_PATTERN})/.+")
_RESULT = re.compile(rf"{RESULTS}({ID_PATTERN})\.[0-9a-f]{{16}}\.[a-z0-9]+")
_JOB_RECORD = re.compile(rf"{JOBS}({ID_PATTERN})/job\.json")


def is_id(text: str) -> bool:
    """Whether a voice, job, dictionary or checkpoint may have this name."""
    return _ID.fullmatch(text) is not None


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(
            f"{text!r} is not an id: 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
        )
    return text


def _digest(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is not a sha256 in lower-case hex")
    return text


def _edition(text: str) -> str:
    if not _EDITION.fullmatch(text):
        raise ValueError(f"{text!r} is not an edition: 16 digits of lower-case hex")
    return text


def voice_folder(voice: str) -> str:
    """The prefix of everything that a voice owns."""
    return f"{VOICES}{_id(voice)}/"


def voice_record(voice: str) -> str:
    """The voice's record; the voice exists if it does."""
    return f"{voice_folder(voice)}voice.json"


def voice_audio(voice: str, sha256: str, edition: str | None = None) -> str:
    """Canonical audio, named by its digest and, if it replaced other audio, by its edition."""
    return f"{voice_folder(voice)}{_digest(sha256)}{f'.{_edition(edition)}' if edition else ''}.wav"


def is_voice_audio(key: str) -> bool:
    """Whether a key is one of canonical audio, of any voice."""
    return _VOICE_AUDIO.fullmatch(key) is not None


def edition_of(key: str) -> str | None:
    """The edition in a key of canonical audio; None for audio without one, and for any other key."""
    match = _VOICE_AUDIO.fullmatch(key)
    return match[1] if match else None


def bare_voice(voice: str) -> str:
    """A voice's only file in older deployments."""
    return f"{VOICES}{_id(voice)}.wav"


def voice_of(key: str) -> tuple[str, bool] | None:
    """The voice whose record or bare file this key is, and whether it is a bare file; None for any other key."""
    if match := _VOICE_RECORD.fullmatch(key):
        return match[1], False
    if match := _BARE_VOICE.fullmatch(key):
        return match[1], True
    return None


def job_folder(job: str) -> str:
    """The prefix of everything that a job owns, except its result."""
    return f"{JOBS}{_id(job)}/"


def job_record(job: str) -> str:
    """The job's record, or what `delete` has left of it."""
    return f"{job_folder(job)}job.json"


def job_of(key: str) -> str | None:
    """The job whose record this key is, or None."""
    match = _JOB_RECORD.fullmatch(key)
    return match[1] if match else None


def owner_of(key: str) -> str | None:
    """The job that an object under jobs/ or results/ belongs to; None for foreign objects."""
    match = _OF_A_JOB.fullmatch(key) or _RESULT.fullmatch(key)
    return match[1] if match else None


def chunk_folder(job: str) -> str:
    """The prefix of a job's finished chunks."""
    return f"{job_folder(job)}chunks/"


def chunk(job: str, index: int, sha256: str) -> str:
    """A finished chunk; the digest is of its inputs."""
    return f"{chunk_folder(job)}{index}-{_digest(sha256)}.wav"


def verdict(job: str, index: int, sha256: str) -> str:
    """What a check says of a finished chunk; the digest is of the chunk's inputs and the check's."""
    return f"{chunk_folder(job)}{index}-{_digest(sha256)}.json"


def part_folder(job: str) -> str:
    """The prefix of the parts of a job's speech."""
    return f"{job_folder(job)}parts/"


def parts_of(job: str, created: str) -> str:
    """The prefix of the parts of the job that was created then: a later job with the same id has none of them."""
    return f"{part_folder(job)}{hashlib.sha256(created.encode()).hexdigest()[:8]}-"


def part(job: str, created: str, index: int, sha256: str, extension: str) -> str:
    """A part of a job's speech; the digest is of its samples, so every attempt gives a part the same name."""
    return f"{parts_of(job, created)}{index}-{_digest(sha256)[:16]}.{extension}"


def result(job: str, sha256: str, extension: str) -> str:
    """
    A job's speech or manifest. `sha256` is over the speech and the claim that made it.

    So a worker that was thought dead can neither overwrite nor remove another worker's result.
    """
    return f"{RESULTS}{_id(job)}.{_digest(sha256)[:16]}.{extension}"


def manifest_of(audio: str) -> str:
    """The manifest of a job's speech."""
    return beside(audio, "json")


def beside(audio: str, extension: str) -> str:
    """A file beside a job's speech: its words, its subtitles."""
    return f"{audio.rpartition('.')[0]}.{extension}"


def result_prefix(job: str) -> str:
    """The prefix of a job's results; it may also match those of a job 'a.b' beside job 'a' (see `is_result_of`)."""
    return f"{RESULTS}{_id(job)}."


def lies_with_results_of(job: str, key: str) -> bool:
    """Whether a key can be a result of this job, with any digest: no other job's results have such keys."""
    return re.fullmatch(rf"{re.escape(result_prefix(job))}[0-9a-f]{{1,64}}\.[a-z0-9]+", key) is not None


def is_result_of(job: str, key: str) -> bool:
    """Whether a key is a result or manifest of exactly this job."""
    return re.fullmatch(rf"{re.escape(result_prefix(job))}[0-9a-f]{{16}}\.[a-z0-9]+", key) is not None


def dictionary(name: str) -> str:
    """A dictionary's record; the dictionary exists if it does."""
    return f"{DICTIONARIES}{_id(name)}.json"


def dictionary_of(key: str) -> str | None:
    """The dictionary whose record this key is, or None."""
    match = _DICTIONARY.fullmatch(key)
    return match[1] if match else None


def checkpoint_folder(name: str) -> str:
    """The prefix of a checkpoint's published versions."""
    return f"{CHECKPOINTS}{_id(name)}/"


def checkpoint_card(name: str) -> str:
    """The card of a checkpoint that its owner put into the bucket."""
    return f"{checkpoint_folder(name)}checkpoint.json"


def checkpoint_of(key: str) -> str | None:
    """The checkpoint whose card this key is, or None."""
    match = _CHECKPOINT_CARD.fullmatch(key)
    return match[1] if match else None


def checkpoint_file(name: str, sha256: str, file: str) -> str:
    """One file of a published checkpoint; the digest is of its model file."""
    return f"{checkpoint_folder(name)}{_digest(sha256)}/{_id(file)}"


def probe(name: str) -> str:
    """The object with which a worker tests the store's conditional writes at its start."""
    return f"{PROBES}{_id(name)}"


def proof(sha256: str) -> str:
    """The verdict on the fast solver; the digest is of the card, the versions, the code and the checkpoint."""
    return f"{PROOFS}{_digest(sha256)}.json"
