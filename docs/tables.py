"""The generated parts of the documents: tables of settings, codes, limits, checkpoints, profiles, actions and the bucket's keys."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from omegaconf import OmegaConf
from pydantic.fields import FieldInfo

from cloning import errors, keys
from cloning.audio import canonical as audio
from cloning.audio import decoding
from cloning.audio.clipping import _LONGEST_MS
from cloning.audio.decoders import _MOST_CHANNELS, _RATES
from cloning.checking.verdict import ProblemKind
from cloning.errors import ServiceError
from cloning.names import BALANCED, EngineName, ProfileName
from cloning.parameters import BY_INTENT, ENGINES, PROFILES
from cloning.planning import f5 as planning
from cloning.planning.xtts import CHARACTERS
from cloning.replies import _ROOM_BYTES
from cloning.requests.generate import AudioFormat
from cloning.requests.models import AnyRequest
from cloning.requests.older_names import NOT_THERE_YET, OLDER_ACTIONS, OLDER_NAMES
from cloning.settings import Settings
from docs.replies import MEANINGS, SOMETIMES

ROOT = Path(__file__).resolve().parent.parent
OF_A_DEPLOYMENT = (
    "s3_bucket", "aws_access_key_id", "aws_secret_access_key", "aws_region", "aws_endpoint_url", "device", "model_cache_dir", "checkpoint",
)  # fmt: skip
"""The settings that a deployment usually sets; the README names them."""
CHIEF_LIMITS = ("reference audio", "its file", "a request, by RunPod", "text of one generate", "a reply")
"""The limits that the README names."""
_RUN_MB, _RUNSYNC_MB = 10, 20  # by RunPod's documentation of payload limits
_BOUNDS = {
    "minimum": "at least", "exclusiveMinimum": "over", "maximum": "at most",
    "minLength": "length at least", "maxLength": "length at most", "pattern": "matches",
}  # fmt: skip


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [list(head), ["---" for _ in head], *map(list, rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def settings_table() -> str:
    """Every variable that a deployment may set, in the order of cloning/settings: the bucket's first. (RunPod sets its own.)"""
    return _settings(name for name in Settings.model_fields if not name.startswith("runpod_"))


def deployment_table() -> str:
    """The variables that a deployment usually sets."""
    return _settings(OF_A_DEPLOYMENT)


def _settings(names: Iterable[str]) -> str:
    fields = ((name, Settings.model_fields[name]) for name in names)
    rows = [(f"`{name.upper()}`", _default(field), field.description or "") for name, field in fields]
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
    return "[if a job had begun](failures.md)" if error.keeps_job else "no"


def limits_table() -> str:
    """The numbers that requests run into."""
    return table(("what", "limit", "setting"), _limits())


def chief_limits_table() -> str:
    """Those that a first request may run into."""
    return table(("what", "limit", "setting"), [row for row in _limits() if row[0] in CHIEF_LIMITS])


def _limits() -> list[tuple[str, str, str]]:
    setting = {name: field.default for name, field in Settings.model_fields.items()}
    inline_mb = (setting["max_reply_mb"] * 1e6 - _ROOM_BYTES) * 3 / 4 / 1e6
    low, high = _RATES
    return [
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
    """The pinned part of a source; without it a checkpoint is the file that its owner has on the hub on that day."""
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
    shown = {name: value for name, value in own.items() if profile == BALANCED or value != usual[name]}
    values = ", ".join(f"{name} {_code(value)}" for name, value in shown.items() if value is not None)
    return f"`{profile}`: {values}"


def problems_table() -> str:
    """What a check can find, from the sentences below the enumeration's values."""
    (kinds,) = ast.parse(inspect.getsource(ProblemKind)).body
    lines = [ast.literal_eval(node.value) for node in ast.walk(kinds) if isinstance(node, ast.Assign | ast.Expr)]
    meanings = dict(zip(lines[1::2], lines[2::2], strict=True))
    return table(("kind", "meaning"), [(f"`{kind.value}`", meanings[kind].rstrip(".")) for kind in ProblemKind])


def action_part(name: str, request: type[AnyRequest]) -> str:
    """What an action does, its fields, and the fields of its reply."""
    schema = request.model_json_schema()
    required = schema.get("required", [])
    rows = [
        (f"`{field}`", _type(facts), _given(facts, needed=field in required), _sentence(facts["description"]))
        for field, facts in schema.get("properties", {}).items()
    ]
    takes = table(("field", "type", "default", "meaning"), rows) if rows else "No fields.\n"
    doc = " ".join((request.__doc__ or "").split())
    return f"{doc}\n\n{takes}\n{_reply(name)}"


def _reply(name: str) -> str:
    """The table of the reply's fields, or the action that answers the same."""
    twin = next(other for other, meanings in MEANINGS.items() if meanings is MEANINGS[name])
    if twin != name:
        return f"Replies as [`{twin}`](#{twin}) does.\n"
    fields = {**MEANINGS[name], **SOMETIMES.get(name, {})}
    return "Reply:\n\n" + table(
        ("field", "meaning"), [(f"`{field}`", _sentence(what)) for field, what in fields.items()]
    )


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
    if "$ref" in facts:  # a model of its own, which the field's meaning describes
        return "object"
    kind = "string (base64)" if facts.get("format") == "binary" else str(facts["type"])
    bounds = [f"{words} `{facts[name]}`" for name, words in _BOUNDS.items() if name in facts]
    return ", ".join([kind, *bounds])


def older_names_table() -> str:
    """Fields and actions by the names that older clients use."""
    names = {**OLDER_NAMES, **OLDER_ACTIONS, "endpoint": "action"}
    return table(("older name", "today"), [(f"`{old}`", f"`{today}`") for old, today in names.items()])


def not_there_yet_table() -> str:
    """Fields that are refused by name."""
    return table(("field", "why"), [(f"`{name}`", why) for name, why in NOT_THERE_YET.items()])


def bucket_layout() -> str:
    """The keys of the bucket, from cloning/keys.py."""
    return "".join(f"{line}\n" for line in (keys.__doc__ or "").splitlines() if line.startswith("    "))
