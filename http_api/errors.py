"""Failures in the form that OpenAI's clients read: `{"error": {"message", "type", "param", "code"}}`, and a status code for each of ours."""

import json
import reprlib
from collections.abc import Mapping
from typing import Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from http_api.port import Reply

CONSENT_MISSING = "consent: say how the speaker agreed to be cloned"
# Codes of docs/api.md; one that is not here is a 503 if the same call may work later, else a 500.
STATUS = {
    "INVALID_REQUEST": 400,
    "INVALID_AUDIO": 400,
    "INVALID_TEXT": 400,
    "CONSENT_REQUIRED": 400,
    "DOWNLOAD_REFUSED": 400,
    "LICENSE_REFUSED": 403,
    "UNKNOWN_ACTION": 404,
    "NOT_FOUND": 404,
    "VOICE_NOT_FOUND": 404,
    "JOB_NOT_FOUND": 404,
    "DICTIONARY_NOT_FOUND": 404,
    "CONFLICT": 409,
    "VOICE_EXISTS": 409,
    "JOB_NOT_FINISHED": 409,
    "JOB_CANCELLED": 409,
    "RESULT_TOO_LARGE": 413,
    "JOB_FAILED": 422,
    "SPEECH_MISMATCH": 422,
    "TRANSCRIPTION_FAILED": 422,
}
# The field that a code speaks of, where its details don't say.
_FIELD = {
    "CONSENT_REQUIRED": "consent",
    "DICTIONARY_NOT_FOUND": "dictionary",
    "INVALID_AUDIO": "audio",
    "INVALID_TEXT": "text",
    "JOB_NOT_FOUND": "job_id",
    "VOICE_EXISTS": "voice",
    "VOICE_NOT_FOUND": "voice",
}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# Steps of a problem's place that name one of a field's kinds, and not a field.
_KINDS = {"str", "int", "float", "bool"}
# In place of the framework's own words, which name no remedy.
_BETTER = {
    "Not Found": "there is nothing at this path: GET /openapi.json lists the paths",
    "Method Not Allowed": "this path doesn't take that method: the header Allow has those that it takes",
    "Expected UploadFile, received: <class 'str'>": "should be a file: send it in a form (multipart/form-data)",
    "There was an error parsing the body": "the body can't be read: send JSON (with numbers of at most 4300 digits), or a form where a file goes with it",
}
_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 408: "REQUEST_TIMEOUT", 413: "REQUEST_TOO_LARGE"}


class Json(JSONResponse):
    """JSON in ASCII, so that a text with half a surrogate pair can be named too."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


class Problem(BaseModel):
    """What went wrong, which value, and what to do."""

    message: str = Field(examples=["there is no voice 'anna': upload it, or choose one of GET /v1/audio/voices"])
    type: str = Field(description="`invalid_request_error`, `authentication_error`, `server_error` ...")
    param: str | None = Field(description="the field of the request that is to blame", examples=["voice"])
    code: str | None = Field(description="a code of docs/api.md", examples=["VOICE_NOT_FOUND"])


class ErrorBody(BaseModel):
    """OpenAI's error body."""

    error: Problem


class Failed(Exception):
    """A request that fails. `retryable`: the same call may work later."""

    def __init__(
        self, code: str, message: str, *, param: str | None = None, status: int | None = None, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.retryable = code, message, param, retryable
        self.status = status or STATUS.get(code) or (503 if retryable else 500)
        self.job_id: str | None = None

    @classmethod
    def of(cls, reply: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Self:
        """Make it from the failure in a worker's reply; `names` are its fields' names in the caller's request."""
        code, details = str(reply.get("code", "INTERNAL")), reply.get("details") or {}
        message = str(reply.get("message") or reply["error"])
        field = details.get("field") or _FIELD.get(code)
        param = (names or {}).get(field, field) if isinstance(field, str) else None
        return cls(code, message, param=param, retryable=bool(reply.get("retryable")))

    @property
    def body(self) -> Reply:
        """The body of the response."""
        kind = _TYPES.get(self.status) or ("server_error" if self.status >= 500 else "invalid_request_error")  # noqa: PLR2004
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Json:
        """The response. openai-python would repeat every 409 and 5xx unless it is told not to."""
        headers = {"x-should-retry": "true" if self.retryable else "false"}
        if self.status == 401:  # noqa: PLR2004
            headers["www-authenticate"] = "Bearer"
        if self.status == 408:  # noqa: PLR2004
            headers["connection"] = "close"  # else the rest of the body would be waited for
        if self.job_id is not None:
            headers["x-request-id"] = self.job_id
        return Json(self.body, self.status, headers)


def checked(reply: Reply, names: Mapping[str, str] | None = None) -> Reply:
    """The reply, unless it is a failure. Raises Failed."""
    if "error" in reply:
        raise Failed.of(reply, names)
    return reply


def answer_failures(app: FastAPI) -> None:
    """Answer every failure of the application in the same form."""

    async def failed(_: Request, error: Exception) -> Json:
        response = _failure(error).response()
        response.headers.update(getattr(error, "headers", None) or {})  # `Allow` of a 405
        return response

    for kind in (Failed, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, failed)
    app.add_exception_handler(Exception, failed)


def _failure(error: Exception) -> Failed:
    if isinstance(error, Failed):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "INVALID_REQUEST")
        return Failed(code, _BETTER.get(error.detail, error.detail), status=error.status_code)
    return Failed("INTERNAL", "a bug: the server's log has the traceback")


def _invalid(error: RequestValidationError) -> Failed:
    """Return the first problem. Its location begins with `body`, `query` or `path`, which callers don't write."""
    first = error.errors()[0]
    place = [str(step) for step in first["loc"][1:] if step not in _KINDS]
    name = None if first["type"] == "json_invalid" else next(iter(place), None)  # its place is a character
    if (first["type"], place) == ("missing", ["consent"]):
        return Failed("CONSENT_REQUIRED", CONSENT_MISSING, param=name)
    return Failed("INVALID_REQUEST", _told(first, ".".join(place)), param=name)


def _told(problem: Mapping[str, Any], place: str) -> str:
    """What is wrong at that place ("" is the body itself)."""
    match problem["type"]:
        case "json_invalid":
            return f"the body is not JSON: {problem['ctx']['error']} (character {place})"
        case "missing" if not place:
            return "the body is missing: send JSON"
        case "missing" if problem["input"] is None:  # a form's; JSON's has the object that lacks it
            return f"{place} is missing: send it in a form (multipart/form-data)"
        case "missing":
            return f"{place} is missing: send it"
        case "model_attributes_type" if not place:
            return "the body is not a JSON object: send one, with Content-Type: application/json"
    words = problem["msg"].removeprefix("Value error, ")
    return f"{place or 'body'}: {_BETTER.get(words, words)}{_got(problem)}"


def _got(problem: Mapping[str, Any]) -> str:
    """What was sent, shortened, unless the problem's own words say it."""
    if problem["type"] == "value_error":
        return ""
    sent = problem["input"]
    return f"; got {'a file' if isinstance(sent, UploadFile) else reprlib.repr(sent)}"
