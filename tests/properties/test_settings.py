"""Every setting meets every blemish that forms, secrets, files and shells leave in values; new settings are included by themselves."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloning.requests.problems import of_settings
from cloning.settings import Settings
from cloning.settings.variables import is_secret, names_of

# By the name that is set: every setting by each of its names.
VARIABLES = {one.upper(): name for name, field in Settings.model_fields.items() for one in names_of(name, field)}
# What must stand beside a setting.
BESIDE = {
    "AWS_ACCESS_KEY_ID": {"AWS_SECRET_ACCESS_KEY": "s"},
    "AWS_SECRET_ACCESS_KEY": {"AWS_ACCESS_KEY_ID": "k"},
    "BUCKET_ACCESS_KEY_ID": {"BUCKET_SECRET_ACCESS_KEY": "s"},
    "BUCKET_SECRET_ACCESS_KEY": {"BUCKET_ACCESS_KEY_ID": "k"},
    "AWS_SESSION_TOKEN": {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"},
    "FALLBACK": {"XTTS_LICENSE_ACCEPTED": "1"},
}
BLANKS = " \t\n\r\v\f\u00a0\u2003\u3000\ufeff\u200b\u200d\u2060\u2028\u202e\u00ad"
SPOILT = {
    "double quotes": '"{}"',
    "single quotes": "'{}'",
    "quotes of a text editor": "\u201c{}\u201d",
    "quotes within spaces": ' "{}" ',
    "a line break inside": "{}\n{}",
    "a control character inside": "{}\x07{}",
    "a mark of byte order inside": "{}\ufeff{}",
    "a secret of RunPod that isn't there": "{{{{ RUNPOD_SECRET_{} }}}}",
    "bytes that are no UTF-8": "{}\udcff{}",
}


def good(variable: str, tmp_path: Path) -> str:
    """A right value, as the error messages show it."""
    field = Settings.model_fields[VARIABLES[variable]]
    value = field.examples[0] if field.examples else field.default
    return str(tmp_path) if variable == "TMPDIR" else str(value)


def set_alone(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, beside in BESIDE.get(variable, {}).items():
        monkeypatch.setenv(name, beside)
    monkeypatch.setenv(variable, value)


def held(variable: str) -> Any:
    value = getattr(Settings(), VARIABLES[variable])
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_example_of_an_error_message_is_right(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The example that an error message shows is a valid value: a worker starts with it."""
    set_alone(monkeypatch, variable, good(variable, tmp_path))

    assert held(variable) is not None


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_cannot_be_seen_at_the_ends_is_taken_off(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Invisible characters at the ends, as of a secret that ends in a newline, are removed."""
    set_alone(monkeypatch, variable, good(variable, tmp_path))
    clean = held(variable)
    set_alone(monkeypatch, variable, f"{BLANKS}{good(variable, tmp_path)}{BLANKS}")

    assert held(variable) == clean


@pytest.mark.parametrize("blank", ["", *BLANKS, " \n\t"], ids=ascii)
def test_blank_is_unset(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable may have any kind of blank value at once: it counts as unset."""
    bare = Settings()
    for name in VARIABLES:
        monkeypatch.setenv(name, blank)

    assert Settings() == bare


@pytest.mark.parametrize("variable", [name for name in VARIABLES if name.lower() != VARIABLES[name]])
def test_a_blank_name_does_not_hide_another_one(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If a setting has several names, the first that isn't blank counts."""
    set_alone(monkeypatch, variable, good(variable, tmp_path))
    expected = held(variable)
    others = names_of(VARIABLES[variable], Settings.model_fields[VARIABLES[variable]])
    for other in others:
        if other.upper() != variable:
            monkeypatch.setenv(other.upper(), "\n")

    assert held(variable) == expected


@pytest.mark.parametrize("blemish", SPOILT)
@pytest.mark.parametrize("variable", VARIABLES)
def test_what_spoils_a_value_is_refused_by_the_name_that_was_set(
    variable: str, blemish: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bad value is refused by the name that was set, in one line, with a valid example and without the value of a secret."""
    value = SPOILT[blemish].format(good(variable, tmp_path), "x")
    set_alone(monkeypatch, variable, value)

    with pytest.raises(ValidationError) as caught:
        Settings()

    told = of_settings(caught.value)
    assert told.startswith(f"{variable} ")
    assert f"an example: {variable}=" in told
    assert told.isprintable()
    if is_secret(Settings.model_fields[VARIABLES[variable]]):
        assert "got " not in told


def numbers() -> list[str]:
    kinds = {name: str(field.annotation) for name, field in Settings.model_fields.items()}
    return [variable for variable, name in VARIABLES.items() if "int" in kinds[name] or "float" in kinds[name]]


@pytest.mark.parametrize("text", ["60s", "1GB", "1_0", "1,5", "1 0", "inf", "nan", "-1", "1e400", "0x10", "\u0663", "10 MB", "--", "1.2.3"])  # fmt: skip
@pytest.mark.parametrize("variable", numbers())
def test_a_number_is_plain(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers have no unit and no separators, are finite, and are not below zero."""
    set_alone(monkeypatch, variable, text)

    with pytest.raises(ValidationError) as caught:
        Settings()

    assert of_settings(caught.value).startswith(f"{variable} should be ")


@given(data=st.data(), variable=st.sampled_from(sorted(VARIABLES)))
def test_any_value_is_read_or_refused_by_name(data: st.DataObject, variable: str) -> None:
    """Any value is accepted or raises a ValidationError with its name, and a secret is never shown."""
    value = data.draw(st.text(min_size=1).filter(lambda text: "\0" not in text and _is_utf8(text)))
    values = {**BESIDE.get(variable, {}), variable: value}
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for name, one in values.items():
            patch.setenv(name, one)
        try:
            Settings()
        except ValidationError as error:
            told = of_settings(error)

            assert variable in told
            assert told.isprintable()


def _is_utf8(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
