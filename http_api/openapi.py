"""The description of the routes for programs: `/openapi.json`."""

from typing import Any

from fastapi import FastAPI

from http_api.errors import ErrorBody

Responses = dict[int | str, dict[str, Any]]
FAILURE: Responses = {"default": {"model": ErrorBody, "description": "It failed; the code says why (docs/api.md)."}}
_ABOUT = """
A worker that speaks texts with cloned voices, as OpenAI's clients ask for speech. Failures have OpenAI's body; their `code` is the worker's.
"""


def shows(description: str, example: object, status: int = 200) -> Responses:
    """A response in JSON, by an example."""
    content = {"schema": {"type": "array" if isinstance(example, list) else "object"}, "example": example}
    return {status: {"description": description, "content": {"application/json": content}}}


def binary(description: str, *media: str) -> Responses:
    """A response of bytes."""
    content = {kind.split(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in media}
    return {200: {"description": description, "content": content}}


def text(description: str) -> Responses:
    """A response of plain text."""
    return {200: {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}}


def events(description: str, sound: Responses) -> Responses:
    """The same response, which may also be sent as events; the schema is that of one event."""
    data = {"type": "string", "description": description}
    schema = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    return {200: {**sound[200], "content": {**sound[200]["content"], "text/event-stream": {"schema": schema}}}}


class DescribedApp(FastAPI):
    """
    FastAPI, whose description of itself has the key, and not the status 422, which no route returns.

    It is made when somebody first asks for it: it takes a tenth of a second, for which no start should wait.
    """

    def __init__(self, *, needs_key: bool, **given: Any) -> None:
        super().__init__(description=_ABOUT, **given)
        self._needs_key = needs_key

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            _mend(super().openapi(), needs_key=self._needs_key)
        return super().openapi()


def _mend(made: dict[str, Any], *, needs_key: bool) -> None:
    for operations in made["paths"].values():
        for operation in operations.values():
            if operation["responses"].get("422", {}).get("description") == "Validation Error":
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)
    if needs_key:
        made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"key": []}]
        made["paths"]["/ping"]["get"]["security"] = []
