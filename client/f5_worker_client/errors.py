"""
What can go wrong. Every error carries `code`, `message`, `retryable` and `details`; its class says what to do.

ClientError
├── InvalidRequest   the request, or a local file or option, must be changed
├── NotFound         no such voice, job, dictionary or endpoint
├── Conflict         the request contradicts what is stored, or the result isn't ready
├── Failed           the job or call failed for good, or was cancelled
├── Unavailable      no answer, or not in time: the same call may work later
├── Unauthorised     the key is missing or refused
└── DownloadFailed   the file could not be downloaded, or is not what the reply promised

The codes are the worker's (docs/api.md), and those of `OWN_CODES`. No message holds a key or a presigned URL.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

_QUERY = re.compile(r"(?<=\S)\?[\w%.~-]+=\S*")
_CODED = re.compile(r"([A-Z][A-Z_]+): (.*)", re.DOTALL)


def _without_queries(text: str) -> str:
    """Remove a URL's query, which may be its key, from a message."""
    return _QUERY.sub("?...", text)


class ClientError(Exception):
    """The base of all. `exit_code` is what the command line exits with."""

    exit_code: ClassVar[int] = 5

    def __init__(
        self, code: str, message: str, *, retryable: bool = False, details: Mapping[str, Any] | None = None
    ) -> None:
        self.code = code
        self.message = _without_queries(message)
        self.retryable = retryable
        self.details = {
            name: _without_queries(one) if isinstance(one, str) else one for name, one in (details or {}).items()
        }
        super().__init__(f"{self.code}: {self.message}")

    def to_json(self) -> dict[str, Any]:
        """The four facts, as the worker's replies name them."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}


class InvalidRequest(ClientError):
    """The request, or a local file or option, must be changed."""

    exit_code = 2


class NotFound(ClientError):
    """No such voice, job, dictionary or endpoint."""

    exit_code = 3


class Conflict(ClientError):
    """The request contradicts what is stored, or the result isn't ready."""

    exit_code = 4


class Failed(ClientError):
    """The job or call failed for good, or was cancelled."""

    exit_code = 5


class Unavailable(ClientError):
    """No answer, or not in time: the same call may work later."""

    exit_code = 6


class Unauthorised(ClientError):
    """The key is missing or refused."""

    exit_code = 7


class DownloadFailed(ClientError):
    """The file could not be downloaded, or is not what the reply promised."""

    exit_code = 8


# The worker's codes by class; one that is retryable and not here is Unavailable, any other Failed.
_CLASSES: dict[str, type[ClientError]] = {
    **dict.fromkeys(
        (
            "INVALID_REQUEST",
            "UNKNOWN_ACTION",
            "INVALID_AUDIO",
            "INVALID_TEXT",
            "CONSENT_REQUIRED",
            "LICENSE_REFUSED",
            "DOWNLOAD_REFUSED",
        ),
        InvalidRequest,
    ),
    **dict.fromkeys(("NOT_FOUND", "VOICE_NOT_FOUND", "JOB_NOT_FOUND", "DICTIONARY_NOT_FOUND"), NotFound),
    **dict.fromkeys(("CONFLICT", "VOICE_EXISTS", "JOB_NOT_FINISHED"), Conflict),
}
# The worker's codes that are retryable, for a queue that passes on nothing but `CODE: message`.
RETRYABLE = frozenset(
    {
        "UNAVAILABLE",
        "STORAGE_UNAVAILABLE",
        "HUB_UNAVAILABLE",
        "DEVICE_UNAVAILABLE",
        "DEVICE_MISMATCH",
        "GPU_OUT_OF_MEMORY",
        "WORKER_UNFIT",
        "DISK_FULL",
        "DISK_FAILED",
        "WORKER_EXHAUSTED",
        "INTERRUPTED",
        "JOB_NOT_FINISHED",
    }
)
# The client's own codes: these, and INVALID_REQUEST for what it refuses before sending.
OWN_CODES: dict[str, str] = {
    "NO_ANSWER": "The endpoint could not be reached, or its answer was lost, at every try",
    "HTTP_STATUS": "RunPod refused the request with an unexpected HTTP status",
    "UNAUTHORISED": "The key is missing, or RunPod refused it",
    "ENDPOINT_NOT_FOUND": "No endpoint has that id",
    "TIMEOUT": "The job was still unfinished when `timeout` was over; it goes on",
    "QUEUE_TIMED_OUT": "RunPod ended the job at its time limit; a repeated `speak` goes on with its finished chunks",
    "QUEUE_CANCELLED": "The job was cancelled in RunPod's queue",
    "QUEUE_FORGOT": "RunPod no longer knows the job, at every try",
    "WORKER_FAILED": "The worker failed without one of its codes",
    "DOWNLOAD_FAILED": "The file could not be downloaded, or its sha256 is not the promised one",
}


def of_worker(error: object, output: object) -> ClientError:
    """The error of a job that RunPod calls FAILED: from the output's fields, else from the text `CODE: message`."""
    told = output if isinstance(output, Mapping) and "code" in output else {}
    coded = _CODED.fullmatch(str(error))
    code = str(told.get("code") or (coded[1] if coded else "WORKER_FAILED"))
    message = str(told.get("message") or (coded[2] if coded else str(error)[:500]))
    retryable = bool(told.get("retryable", code in RETRYABLE))
    details = told.get("details")
    kind = _CLASSES.get(code, Unavailable if retryable else Failed)
    return kind(code, message, retryable=retryable, details=details if isinstance(details, Mapping) else {})


def of_status(status: int, told: str) -> ClientError:
    """The error of an HTTP status for which repeating the request doesn't help."""
    if status in (401, 403):
        return Unauthorised(
            "UNAUTHORISED",
            f"the endpoint refused the key (HTTP {status}): check RUNPOD_API_KEY",
            details={"status": status},
        )
    if status == 404:  # noqa: PLR2004
        return NotFound("ENDPOINT_NOT_FOUND", "no endpoint has that id: check F5_ENDPOINT", details={"status": status})
    if status == 413:  # noqa: PLR2004
        return InvalidRequest(
            "INVALID_REQUEST",
            "the endpoint takes no request so large (HTTP 413): send a recording as FLAC or MP3, or by audio_url or audio_key",
            details={"status": status},
        )
    return InvalidRequest(
        "HTTP_STATUS", f"the endpoint answered HTTP {status}: {told[:300]}", details={"status": status}
    )
