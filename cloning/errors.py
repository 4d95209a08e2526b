"""
Every failure that a caller may see.

ServiceError
├── InvalidRequest            INVALID_REQUEST           a field is missing, unknown, of the wrong type or out of bounds
│   ├── UnknownAction         UNKNOWN_ACTION            the action is not one of ours
│   ├── InvalidAudio          INVALID_AUDIO             the reference audio can't be used, and why
│   ├── InvalidText           INVALID_TEXT              the text is empty, too long or holds nothing to speak
│   ├── ConsentRequired       CONSENT_REQUIRED          a voice without its speaker's consent
│   ├── LicenseRefused        LICENSE_REFUSED           the weights' licence forbids what is asked, or isn't accepted
│   └── DownloadRefused       DOWNLOAD_REFUSED          the audio's URL is not allowed, too large, too slow or gone
├── NotFound                  NOT_FOUND                 an object that the request names is not in the bucket
│   ├── VoiceNotFound         VOICE_NOT_FOUND           no voice of that name
│   ├── JobNotFound           JOB_NOT_FOUND             no job of that id, or it was deleted
│   └── DictionaryNotFound    DICTIONARY_NOT_FOUND      no dictionary of that name
├── Conflict                  CONFLICT                  the request contradicts what is stored
│   ├── VoiceExists           VOICE_EXISTS              another voice already has that name
│   ├── JobNotFinished        JOB_NOT_FINISHED          the result of a job that is not done
│   ├── JobFailed             JOB_FAILED                the result of a job that failed
│   └── JobCancelled          JOB_CANCELLED             the job was stopped on request
├── ResultTooLarge            RESULT_TOO_LARGE          the reply would not fit; the audio is in the bucket
├── Unavailable               UNAVAILABLE               something outside the service failed; the same call may work later
│   ├── StorageUnavailable    STORAGE_UNAVAILABLE       the bucket does not answer, or not in time
│   ├── HubUnavailable        HUB_UNAVAILABLE           the model hub does not answer
│   ├── DeviceUnavailable     DEVICE_UNAVAILABLE        the device that the deployment names isn't there
│   │   └── DeviceMismatch    DEVICE_MISMATCH           part of a model is not where the rest is, though it was loaded again
│   ├── GpuOutOfMemory        GPU_OUT_OF_MEMORY         the GPU's memory did not suffice
│   ├── WorkerUnfit           WORKER_UNFIT              the worker's GPU failed for good; another worker can do the job
│   ├── DiskFull              DISK_FULL                 a disk of the worker has no room left
│   ├── DiskFailed            DISK_FAILED               a disk of the worker can't be read or written
│   ├── WorkerExhausted       WORKER_EXHAUSTED          the worker has no memory, open files, threads or processes left
│   └── Interrupted           INTERRUPTED               the worker was told to stop; the job can be taken over
├── StorageMisconfigured      STORAGE_MISCONFIGURED     the bucket refuses us or is missing: somebody must act
├── RecordDamaged             RECORD_DAMAGED            a record in the bucket can't be read
├── CheckpointUnusable        CHECKPOINT_UNUSABLE       the checkpoint is missing, damaged or of an unknown layout
├── TranscriptionFailed       TRANSCRIPTION_FAILED      the speech recogniser heard no words, or can't be loaded
├── SpeechMismatch            SPEECH_MISMATCH           the speech doesn't say its text, in any draw
└── Internal                  INTERNAL                  a bug; the incident id is in the log, the traceback too

A failure travels as `{"error": "CODE: message", "code", "retryable", "details"}`; one that only a new process cures carries
`refresh_worker: true` too, by which RunPod replaces the worker (it takes the key out of the reply). Mistakes of the programmer stay outside
of this tree and become INTERNAL at the boundary. What any exception means is decided in cloning/failures.py.
"""

from typing import ClassVar, Self


class ServiceError(Exception):
    """
    A failure with a code that callers may rely on. `message` says what, which value, and what to do.

    `retryable` says that the same call may work later. `keeps_job`: a job that had begun is kept for its next delivery all the
    same, because the failure is not the job's (see `given_back`).
    """

    code: ClassVar[str] = "SERVICE_ERROR"
    retryable: bool = False
    keeps_job: ClassVar[bool] = False
    refresh_worker: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def copied(self, **more: object) -> Self:
        """The same failure without traceback and cause, which may hold data; `more` are further details."""
        copy = type(self)(self.message, **{**more, **self.details})
        copy.retryable = self.retryable
        return copy

    def given_back(self) -> Self:
        """The same failure, of a job that is kept for its next delivery."""
        copy = self.copied()
        copy.retryable = True
        return copy

    def to_reply(self) -> dict[str, object]:
        """The reply that carries this failure; RunPod takes the text under `error` for the job's own error."""
        refresh = {"refresh_worker": True} if self.refresh_worker else {}
        return {"error": f"{self.code}: {self.message}", **self.to_record(), **refresh}

    def to_record(self) -> dict[str, object]:
        """The same facts without the keys that RunPod reserves, for a job's record."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}


class InvalidRequest(ServiceError):
    """A field is missing, unknown, of the wrong type or out of bounds."""

    code = "INVALID_REQUEST"


class UnknownAction(InvalidRequest):
    """The action is not one of ours."""

    code = "UNKNOWN_ACTION"


class InvalidAudio(InvalidRequest):
    """The reference audio can't be used, and why."""

    code = "INVALID_AUDIO"


class InvalidText(InvalidRequest):
    """The text is empty, too long or holds nothing to speak."""

    code = "INVALID_TEXT"


class ConsentRequired(InvalidRequest):
    """A voice without its speaker's consent."""

    code = "CONSENT_REQUIRED"


class LicenseRefused(InvalidRequest):
    """The weights' licence forbids what is asked, or the deployment has not accepted it."""

    code = "LICENSE_REFUSED"


class DownloadRefused(InvalidRequest):
    """The audio's URL is not allowed, too large, too slow or gone."""

    code = "DOWNLOAD_REFUSED"


class NotFound(ServiceError):
    """An object that the request names is not in the bucket."""

    code = "NOT_FOUND"


class VoiceNotFound(NotFound):
    """No voice of that name."""

    code = "VOICE_NOT_FOUND"


class JobNotFound(NotFound):
    """No job of that id, or it was deleted."""

    code = "JOB_NOT_FOUND"


class DictionaryNotFound(NotFound):
    """No dictionary of that name."""

    code = "DICTIONARY_NOT_FOUND"


class Conflict(ServiceError):
    """The request contradicts what is stored."""

    code = "CONFLICT"


class VoiceExists(Conflict):
    """Another voice already has that name."""

    code = "VOICE_EXISTS"


class JobNotFinished(Conflict):
    """The result of a job that is not done: it runs, or nobody works on it."""

    code = "JOB_NOT_FINISHED"
    retryable = True


class JobFailed(Conflict):
    """The result of a job that failed."""

    code = "JOB_FAILED"


class JobCancelled(Conflict):
    """The job was stopped on request."""

    code = "JOB_CANCELLED"


class ResultTooLarge(ServiceError):
    """The reply would not fit; the audio is in the bucket."""

    code = "RESULT_TOO_LARGE"


class Unavailable(ServiceError):
    """Something outside the service failed; the same call may work later."""

    code = "UNAVAILABLE"
    retryable = True


class StorageUnavailable(Unavailable):
    """The bucket does not answer, or not in time."""

    code = "STORAGE_UNAVAILABLE"


class HubUnavailable(Unavailable):
    """The model hub does not answer."""

    code = "HUB_UNAVAILABLE"


class DeviceUnavailable(Unavailable):
    """The device that the deployment names isn't there."""

    code = "DEVICE_UNAVAILABLE"


class DeviceMismatch(DeviceUnavailable):
    """Part of a model is not where the rest is, though it was loaded again."""

    code = "DEVICE_MISMATCH"
    refresh_worker = True


class GpuOutOfMemory(Unavailable):
    """The GPU's memory did not suffice."""

    code = "GPU_OUT_OF_MEMORY"
    refresh_worker = True


class WorkerUnfit(Unavailable):
    """The worker's GPU failed for good; another worker can do the job."""

    code = "WORKER_UNFIT"
    refresh_worker = True


class DiskFull(Unavailable):
    """A disk of the worker has no room left."""

    code = "DISK_FULL"
    refresh_worker = True


class DiskFailed(Unavailable):
    """A disk of the worker can't be read or written."""

    code = "DISK_FAILED"
    refresh_worker = True


class WorkerExhausted(Unavailable):
    """The worker has no memory, open files, threads or processes left."""

    code = "WORKER_EXHAUSTED"
    refresh_worker = True


class Interrupted(Unavailable):
    """The worker was told to stop; the job can be taken over."""

    code = "INTERRUPTED"


class StorageMisconfigured(ServiceError):
    """The bucket refuses us or is missing: somebody must act."""

    code = "STORAGE_MISCONFIGURED"
    keeps_job = True


class RecordDamaged(ServiceError):
    """The record of a voice, a job or a dictionary in the bucket can't be read."""

    code = "RECORD_DAMAGED"
    keeps_job = True


class CheckpointUnusable(ServiceError):
    """The checkpoint is missing, damaged or of an unknown layout."""

    code = "CHECKPOINT_UNUSABLE"


class TranscriptionFailed(ServiceError):
    """The speech recogniser heard no words, or can't be loaded."""

    code = "TRANSCRIPTION_FAILED"


class SpeechMismatch(ServiceError):
    """The speech doesn't say its text, in any of the draws, and the request asks to fail then."""

    code = "SPEECH_MISMATCH"


class Internal(ServiceError):
    """A bug; the incident id is in the log, the traceback too."""

    code = "INTERNAL"
    keeps_job = True
