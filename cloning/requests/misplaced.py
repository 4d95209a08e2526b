"""Fields in an input that belong elsewhere: a second wrapped input, and RunPod's own fields."""

from collections.abc import Mapping

from cloning.errors import InvalidRequest

OTHER_BUCKET = "s3Config is not used: voices, jobs and results are in the endpoint's own bucket (its settings name it); leave it out"
# RunPod's own fields, which belong beside `input`.
_BESIDE = ("webhook", "policy")
_WRAPPERS = frozenset(
    ["input", "inputs", "body", "payload", "data", "params", "parameters", "request", "event", "job", "args", "arguments", "kwargs",
     "json", "message"]
)  # fmt: skip
_LONGEST_NAME = 20


def refuse_misplaced(fields: Mapping[str, object]) -> None:
    """Refuse a wrapped input, and RunPod's own fields: a message about missing fields would mislead."""
    for name, value in fields.items():
        plain = name.strip().lower()
        if plain in _WRAPPERS and (isinstance(value, Mapping | list) or is_json(value)):
            raise InvalidRequest(
                f'the input is wrapped in another `{name[:_LONGEST_NAME]}`: send {{"input": {{"action": ...}}}}, with the fields in a '
                "single `input`, as an object",
                field="input",
            )
        if plain.replace("_", "") == "s3config":
            raise InvalidRequest(OTHER_BUCKET, field=name)
        if plain in _BESIDE:
            raise InvalidRequest(
                f"{name!r} is RunPod's: it belongs beside `input`, not in it; leave it out here", field=name
            )


def is_json(value: object) -> bool:
    """Whether the value is a string that begins and ends like a JSON object or list."""
    text = value.strip() if isinstance(value, str) else ""
    return text[:1] + text[-1:] in ("{}", "[]")
