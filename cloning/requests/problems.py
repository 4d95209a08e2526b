"""Messages about invalid requests and settings: which field, which value, what would be valid."""

import difflib
import re
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from cloning.errors import InvalidRequest
from cloning.settings import Settings
from cloning.settings.variables import is_secret, names_of

_LONGEST_SHOWN = 60
_MOST_PROBLEMS = 5
_CREDENTIALS = re.compile(r"^.*@")


def explained(
    error: ValidationError, fields: Mapping[str, object], action: str, model: type[BaseModel]
) -> InvalidRequest:
    """Make the error for an invalid request: the first problem as its message, all problems as details."""
    found = error.errors()[:_MOST_PROBLEMS]
    problems = [_problem(item["type"], item["loc"], item["msg"], fields, action, model) for item in found]
    field, message = problems[0]
    return InvalidRequest(message, field=field, problems=[text for _, text in problems])


def of_settings(error: ValidationError) -> str:
    """Describe each invalid variable: the name that was set, the rule, its value unless it is secret, and an example."""
    return "; ".join(_of_setting(one["loc"], one["msg"], one["input"]) for one in error.errors())


def _of_setting(location: tuple[int | str, ...], message: str, value: object) -> str:
    rule = message.removeprefix("Value error, ").removeprefix("Input ")
    names = {one: field for name, field in Settings.model_fields.items() for one in names_of(name, field)}
    field = names.get(str(location[0])) if location else None
    if field is None:
        return rule
    variable = str(location[0]).upper()
    example = field.examples[0] if field.examples else field.default
    example = str(example).lower() if isinstance(example, bool) else example
    got = "" if is_secret(field) or not isinstance(value, str) else f"got {_without_credentials(value)}, "
    return f"{variable} {rule} ({got}an example: {variable}={example})"


def _without_credentials(value: str) -> str:
    return shown(_CREDENTIALS.sub("***@", value).split("?")[0])


def _problem(
    kind: str,
    location: tuple[int | str, ...],
    message: str,
    fields: Mapping[str, object],
    action: str,
    model: type[BaseModel],
) -> tuple[str, str]:
    field = str(location[0])[:_LONGEST_SHOWN] if location else "input"
    if kind == "extra_forbidden":
        return field, f"unknown field {shown(field)} for {action}{suggestion(field, model.model_fields)}"
    if kind == "missing":
        return field, f"field {field!r} is missing: {model.model_fields[field].description}"
    rule = message.removeprefix("Value error, ").removeprefix("Input ")
    if not location:
        return field, rule
    return field, f"{field} {rule}" + (f"; got {shown(fields[field])}" if field in fields else "")


def suggestion(word: str, choices: Mapping[str, object]) -> str:
    """The choice that was probably meant, as the end of a sentence; empty if none is similar."""
    close = difflib.get_close_matches(word[:_LONGEST_SHOWN], choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def shown(value: object) -> str:
    """Shorten a value for a message; a caller's audio must not come back in an error."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 20]}... ({len(text)} characters)"
