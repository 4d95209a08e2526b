"""
Writes the generated parts of the documents, from the code that they describe.

`python -m docs.generate` writes the tables between `<!-- generated:NAME -->` and `<!-- end:NAME -->` in README.md, and
docs/api.md; `--check` changes nothing and exits 1 if anything is stale.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from omegaconf import OmegaConf
from pydantic.fields import FieldInfo

from cloning import errors
from cloning.audio import canonical as audio
from cloning.audio import decoding
from cloning.audio.clipping import _LONGEST_MS
from cloning.audio.decoders import _MOST_CHANNELS, _RATES
from cloning.errors import ServiceError
from cloning.failures import MOST_INCIDENTS
from cloning.names import EngineName
from cloning.parameters import BALANCED, BY_INTENT, ENGINES, PROFILES, ProfileName
from cloning.planning import f5 as planning
from cloning.planning.xtts import CHARACTERS
from cloning.replies import _ROOM_BYTES
from cloning.requests.models import NOT_THERE_YET, OLDER_ACTIONS, OLDER_NAMES, REQUESTS, AnyRequest, AudioFormat
from cloning.settings import Settings
from docs.failures import FAULTS
from docs.replies import MEANINGS, SOMETIMES

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
API = ROOT / "docs" / "api.md"
FAILURES = ROOT / "docs" / "failures.md"
_RUN_MB, _RUNSYNC_MB = 10, 20  # by RunPod's documentation of payload limits
_MARKED = re.compile(r"(<!-- generated:(\w+) -->\n).*?(<!-- end:\2 -->)", re.DOTALL)
_BOUNDS = {
    "minimum": "at least", "exclusiveMinimum": "over", "maximum": "at most",
    "minLength": "length at least", "maxLength": "length at most", "pattern": "matches",
}  # fmt: skip


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [list(head), ["---" for _ in head], *map(list, rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def settings_table() -> str:
    """Every variable that a deployment may set, in the order of cloning/settings.py. (RunPod sets its own.)"""
    rows = [
        (f"`{name.upper()}`", _default(field), field.description or "")
        for name, field in Settings.model_fields.items()
        if not name.startswith("runpod_")
    ]
    return table(("variable", "default", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return _code("" if default is None else default)


def failures(of: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """Every failure below `of`, parents first."""
    for error in of.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from failures(error)


def errors_table() -> str:
    """Every code that a caller may see."""
    rows = [(f"`{error.code}`", (error.__doc__ or "").strip().rstrip("."), _retryable(error)) for error in failures()]
    return table(("code", "meaning", "retryable"), rows)


def _retryable(error: type[ServiceError]) -> str:
    if error.retryable:
        return "yes"
    return "[if a job had begun](docs/failures.md)" if error.keeps_job else "no"


def limits_table() -> str:
    """The numbers that requests run into."""
    setting = {name: field.default for name, field in Settings.model_fields.items()}
    inline_mb = (setting["max_reply_mb"] * 1e6 - _ROOM_BYTES) * 3 / 4 / 1e6
    low, high = _RATES
    rows = [
        ("reference audio", f"{decoding.SHORTEST_S:g} to {decoding.LONGEST_S:g} s; about {_LONGEST_MS // 1000} s of it are used", ""),
        ("its level", f"above {audio.QUIETEST_DBFS:g} dBFS; at most {audio.MOST_CLIPPED:.0%} of the samples at full scale", ""),
        ("its form", f"{low:,} to {high:,} Hz, up to {_MOST_CHANNELS} channels", ""),
        ("its file", f"{setting['max_audio_mb']:g} MB; in base64 no more than a request carries", "`MAX_AUDIO_MB`"),
        ("a request, by RunPod", f"{_RUN_MB} MB on `/run`, {_RUNSYNC_MB} MB on `/runsync`, so base64 audio up to about {_of_base64(_RUN_MB)} or {_of_base64(_RUNSYNC_MB)} MB; larger by `audio_url` or `audio_key`", ""),
        ("text of one generate", f"{setting['max_text_chars']:,} characters", "`MAX_TEXT_CHARS`"),
        ("one chunk of `f5`, reference included", f"planned for {planning.WINDOW_S:g} s, refused over {planning.LONGEST_CHUNK_S:g} s", ""),
        ("one chunk of `xtts`", f"{min(CHARACTERS.values())} to {max(CHARACTERS.values())} characters, by language", ""),
        ("formats of a result", ", ".join(get_args(AudioFormat)) + "; 24 kHz, mono", ""),
        ("a reply", f"{setting['max_reply_mb']:g} MB, so inline audio up to {inline_mb:.1f} MB", "`MAX_REPLY_MB`"),
        ("names and ids", "1 to 64 letters, digits, `.`, `_`, `-`; the first a letter or digit", ""),
    ]  # fmt: skip
    return table(("what", "limit", "setting"), rows)


def _of_base64(megabytes: int) -> int:
    """How much audio fits beside a request's other fields."""
    return (megabytes * 3 - 1) // 4


def checkpoints_table() -> str:
    """The catalogue's checkpoints with what one may do with them."""
    entries: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "model_cache" / "catalog.yaml"))
    rows = [
        (
            f"`{name}`",
            ", ".join(entry["languages"]),
            entry["license"].upper(),
            "yes" if entry["commercial"] else "no",
            _pinned(entry),
            entry["note"],
        )
        for name, entry in entries.items()
    ]
    return table(("checkpoint", "languages", "licence", "commercial use", "pinned", "note"), rows)


def _pinned(entry: Mapping[str, Any]) -> str:
    """What of the source is fixed; without it a checkpoint is whatever its owner has on the hub on that day."""
    fixed = ["revision"] if "@" in entry["source"] else []
    fixed += ["sha256"] if entry.get("sha256") else []
    return " and ".join(fixed) or "no"


def profiles_table() -> str:
    """What each profile means to each engine: its own name there, and the values that are not those of `balanced`."""
    rows = [
        (f"`{name}`", *(_profile(engine, meanings[engine]) for engine in ENGINES))
        for name, meanings in BY_INTENT.items()
    ]
    return table(("profile", *(f"`{engine}`" for engine in ENGINES)), rows)


def _profile(engine: EngineName, profile: ProfileName) -> str:
    usual, own = asdict(PROFILES[engine][BALANCED]), asdict(PROFILES[engine][profile])
    told = {name: value for name, value in own.items() if profile == BALANCED or value != usual[name]}
    values = ", ".join(f"{name} {_code(value)}" for name, value in told.items() if value is not None)
    return f"`{profile}`: {values}"


PARTS = {
    "settings": settings_table,
    "errors": errors_table,
    "limits": limits_table,
    "checkpoints": checkpoints_table,
    "profiles": profiles_table,
}


def filled(text: str) -> str:
    """`text` with every generated part written anew. Raises ValueError if one has no place, or a place no part."""
    places = sorted(match[2] for match in _MARKED.finditer(text))
    if places != sorted(PARTS):
        raise ValueError(f"README.md has places for {places}; the generated parts are {sorted(PARTS)}")
    return _MARKED.sub(lambda match: f"{match[1]}{PARTS[match[2]]()}{match[3]}", text)


def api() -> str:
    """docs/api.md."""
    head = (
        "# API\n\n"
        "Generated from cloning/requests/models.py, cloning/errors.py and docs/replies.py by `python -m docs.generate`; don't edit.\n"
        "Worked examples of every action are in the [README](../README.md#actions).\n\n"
        "A job's `input` is a JSON object with `action` (`endpoint` is its older name; without either it is a `generate`) and\n"
        'the fields below. Unknown fields are refused by name. Types are strict: `true` is no number and `"1"` neither.\n'
        "Times of day are ISO 8601 in UTC.\n"
    )
    actions = "".join(_action(name, request) for name, request in REQUESTS.items())
    errors = errors_table().replace("(docs/failures.md)", "(failures.md)")
    return head + actions + _older() + "\n## Failures\n\n" + _failure_shape() + errors


def _failure_shape() -> str:
    return (
        'A call that fails answers `{"error": "CODE: message", "code", "message", "retryable", "details"}`. `message` says what,\n'
        "which value and what to do; `details` has the same as fields. `retryable` says that the same call may work later.\n"
        "A failure that only another worker cures carries `refresh_worker` too, by which RunPod replaces this one; the SDK takes the key away.\n\n"
    )


def _action(name: str, request: type[AnyRequest]) -> str:
    schema = request.model_json_schema()
    required = schema.get("required", [])
    rows = [
        (f"`{field}`", _type(facts), _given(facts, needed=field in required), _sentence(facts["description"]))
        for field, facts in schema.get("properties", {}).items()
    ]
    takes = table(("field", "type", "default", "meaning"), rows) if rows else "No fields.\n"
    told = {**MEANINGS[name], **SOMETIMES.get(name, {})}
    gives = table(("field", "meaning"), [(f"`{field}`", _sentence(meaning)) for field, meaning in told.items()])
    doc = " ".join((request.__doc__ or "").split())
    return f"\n## {name}\n\n{doc}\n\n{takes}\nReply:\n\n{gives}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _given(facts: Mapping[str, Any], *, needed: bool) -> str:
    if needed:
        return "required"
    return _code(facts.get("default") if facts.get("default") is not None else "")


def _code(value: object) -> str:
    """A value as a caller would write it; nothing for an empty one."""
    text = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{text}`" if text else ""


def _type(facts: Mapping[str, Any]) -> str:
    if "anyOf" in facts:
        return " or ".join(_type(one) for one in facts["anyOf"] if one.get("type") != "null")
    if "enum" in facts or "const" in facts:
        return ", ".join(f"`{value}`" for value in facts.get("enum", [facts.get("const")]))
    if facts.get("type") == "array":
        return f"list of {_type(facts['items'])}"
    kind = "string (base64)" if facts.get("format") == "binary" else str(facts["type"])
    bounds = [f"{words} `{facts[name]}`" for name, words in _BOUNDS.items() if name in facts]
    return ", ".join([kind, *bounds])


def _older() -> str:
    names = [
        (f"`{old}`", f"`{today}`") for old, today in {**OLDER_NAMES, **OLDER_ACTIONS, "endpoint": "action"}.items()
    ]
    missing = [(f"`{name}`", why) for name, why in NOT_THERE_YET.items()]
    return (
        f"\n## Older names\n\n{table(('older name', 'today'), names)}"
        f"\nRefused by name, because they can't be honoured yet:\n\n{table(('field', 'why'), missing)}"
    )


def failures_page() -> str:
    """docs/failures.md."""
    head = (
        "# When something goes wrong\n\n"
        "Generated from docs/failures.py and cloning/failures.py by `python -m docs.generate`; don't edit.\n"
        "`tests/faults/test_troubles.py` makes each row happen.\n\n"
        "A job fails for ever only for what its request, voice, text or checkpoint is. Anything else gives it back: its lease ends,\n"
        "its finished chunks stay, `status` calls it INTERRUPTED and says why, and whoever is given it next goes on. The rows are of a\n"
        "job that a worker had claimed; what fails before that leaves no job at all.\n\n"
        "RunPod delivers a job again by itself only if nothing was posted for it. A failure that was posted ends RunPod's job, retryable\n"
        "or not: send the same request with the same `job_id` again, or use RunPod's `/retry`. There is no limit to that, but for bugs:\n"
        f"a job whose attempts met {MOST_INCIDENTS} bugs is FAILED, since by then the job is likely to bring them about. `refresh_worker` asks RunPod to\n"
        "replace the worker, where this one won't get better; the SDK takes the key out of the reply.\n\n"
    )
    columns = (
        "what happens",
        "the caller is told",
        "retryable",
        "refresh_worker",
        "the job's record",
        "its next delivery",
    )
    return head + table(columns, [fault.row() for fault in FAULTS])


def fresh() -> dict[Path, str]:
    """Every generated document as it should be."""
    return {README: filled(README.read_text(encoding="utf-8")), API: api(), FAILURES: failures_page()}


def stale() -> list[str]:
    """For every document that differs, the lines that do."""
    told: list[str] = []
    for path, text in fresh().items():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there != text:
            name = str(path.relative_to(ROOT))
            told += difflib.unified_diff(
                there.splitlines(), text.splitlines(), name, f"{name} (fresh)", n=0, lineterm=""
            )
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write the generated documents.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something is stale")
    if parser.parse_args().check:
        if told := stale():
            sys.exit("\n".join([*told, "the generated documents are stale: run `make fix`"]))
        return
    for path, text in fresh().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
