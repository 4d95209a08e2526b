"""
The reading of environment variables, by the same rules for all settings.

White space and invisible characters at both ends are stripped, because forms, secrets and files add them; a blank value then counts
as unset. Quotes around a value are refused, because `docker run --env-file` keeps them. So are line breaks, placeholders that were
not filled in, and numbers that aren't plain. `~` is the home folder in paths; words of a fixed set are matched in any case.
"""

import re
import types
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from unicodedata import category

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from cloning.characters import is_invisible

_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}")
_BOOLEANS = frozenset(["1", "0", "true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"])
_LONGEST_SEGMENT, _LONGEST_PATH = 255, 4000  # bytes, a little under what Linux takes
_SHELL_VARIABLE = re.compile(r"\$\{?[A-Za-z_]|%[A-Za-z_]+%")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?|[+-]?\.[0-9]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HIDDEN_INSIDE = "\ufeff\u200b\u2060\u00ad"
_UNITS = {"_ms": "milliseconds", "_s": "seconds", "_mb": "MB", "_gb": "GB", "_chars": "characters"}
_NEAR = 0.85
_NOT_OURS = ("RUNPOD_", "AWS_ENDPOINT_URL_")


class Variables(EnvSettingsSource):
    """
    The environment as a source of settings.

    A setting with several names takes the first that isn't blank, under the name that was set, so that errors show that name.
    """

    def __call__(self) -> dict[str, Any]:
        """The tidied values, by the lower-case name that was set."""
        there = {name: text for name, value in self.env_vars.items() if (text := tidied(value or ""))}
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            found |= next(({one: there[one]} for one in names_of(name, field) if one in there), {})
        return found


def names_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The lower-case names of a setting, in order of precedence."""
    alias = field.validation_alias
    return tuple(str(one) for one in alias.choices) if isinstance(alias, AliasChoices) else (str(alias or name),)


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting's value may never be shown."""
    return SecretStr in _kinds(field.annotation)


def tidied(value: str) -> str:
    """The value without white space and invisible characters at its ends."""
    start, end = 0, len(value)
    while start < end and _is_blank(value[start]):
        start += 1
    while start < end and _is_blank(value[end - 1]):
        end -= 1
    return value[start:end]


def without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values tidied, without the blank ones."""
    clean = {name: tidied(value) if isinstance(value, str) else value for name, value in values.items()}
    return {name: value for name, value in clean.items() if value != ""}


def checked(name: str, field: FieldInfo, value: str) -> str:
    """Check a value and return it as its setting expects it. Raises ValueError with the fault."""
    kinds = set(_kinds(field.annotation))
    checked_text(value, secret=SecretStr in kinds)
    if value.partition("=")[0].rpartition(" ")[2].lower() in names_of(name, field) and "=" in value:
        raise ValueError("includes a variable's name and '=': set only what comes after it")
    if kinds & {int, float}:
        _refuse_odd_number(name, value)
    if bool in kinds and value.lower() not in _BOOLEANS:
        raise ValueError("should be 1 or 0 (or true and false, yes and no, on and off)")
    if Path in kinds:
        return local_path(value)
    words = {str(kind).lower(): str(kind) for kind in kinds if isinstance(kind, str)}
    return words.get(value.lower(), value)


def checked_text(value: str, *, secret: bool) -> str:
    """Check that a non-empty value has no leftovers of how it was set. Raises ValueError."""
    _refuse_quotes(value, secret=secret)
    _refuse_hidden(value)
    _refuse_placeholders(value, secret=secret)
    return value


def local_path(value: str) -> str:
    """Expand `~` in a path. Raises ValueError for an impossible path."""
    if _URL.match(value):
        raise ValueError("is a URL, and a path on this machine is needed, or a name where names are allowed")
    try:
        path = str(Path(value).expanduser()) if value.startswith("~") else value
    except RuntimeError:
        raise ValueError("begins with '~', and there is no such home folder: write the whole path") from None
    segments = [len(segment.encode()) for segment in path.split("/")]
    if max(segments) > _LONGEST_SEGMENT or sum(segments) > _LONGEST_PATH:
        raise ValueError("is too long for a path")
    return path


def misspelt(settings_cls: type[BaseSettings]) -> dict[str, str]:
    """Variables with nearly a setting's name, each with the name that was probably meant."""
    known = {one for name, field in settings_cls.model_fields.items() for one in names_of(name, field)}
    there = EnvSettingsSource(settings_cls).env_vars
    strange = [name for name in there if name not in known and not name.upper().startswith(_NOT_OURS)]
    near = {name: get_close_matches(name, known, n=1, cutoff=_NEAR) for name in strange}
    return {name.upper(): close[0].upper() for name, close in near.items() if close}


def _is_blank(character: str) -> bool:
    return character.isspace() or is_invisible(character)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types in an annotation; for a Literal its words."""
    origin = get_origin(annotation)
    if origin is Literal:
        yield from get_args(annotation)
    elif origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    else:
        yield annotation


def _refuse_quotes(value: str, *, secret: bool) -> None:
    around = value[0] in _QUOTES and value[-1] in _QUOTES
    if around or (not secret and (value[0] in _QUOTES or value[-1] in _QUOTES)):
        raise ValueError(
            "has quotes around it that belong to the value (docker's --env-file and web forms keep them): leave them out"
        )


def _refuse_hidden(value: str) -> None:
    if any(category(one) in ("Cc", "Zl", "Zp") or one in _HIDDEN_INSIDE for one in value):
        raise ValueError("holds a line break or another invisible character: type it again, on one line")
    if any(category(one) == "Cs" for one in value):
        raise ValueError("isn't valid UTF-8: type it again")


def _refuse_placeholders(value: str, *, secret: bool) -> None:
    if _PLACEHOLDER.search(value):
        raise ValueError("is still a placeholder: no secret of that name was filled in")
    if not secret and _SHELL_VARIABLE.search(value):
        raise ValueError("refers to another variable, which is not expanded here: write the value itself")


def _refuse_odd_number(name: str, value: str) -> None:
    if not _NUMBER.fullmatch(value):
        unit = next((f" of {unit}" for ending, unit in _UNITS.items() if name.endswith(ending)), "")
        raise ValueError(f"should be a plain number{unit}: digits, a point for decimals, no unit and no separators")
