"""What stands in an input and belongs elsewhere: a whole input once more, and what is RunPod's own."""

from collections.abc import Mapping

from cloning.errors import InvalidRequest

OTHER_BUCKET = "s3Config is not used: voices, jobs and results lie in the endpoint's own bucket (its settings name it); leave it out"
# RunPod's own, which stand beside `input`.
_BESIDE = ("webhook", "policy")
_WRAPPERS = frozenset(
    ["input", "inputs", "body", "payload", "data", "params", "parameters", "request", "event", "job", "args", "arguments", "kwargs",
     "json", "message"]
)  # fmt: skip
_LONGEST_NAME = 20


def refuse_misplaced(fields: Mapping[str, object]) -> None:
    """Inputs in another wrapping, and what is RunPod's and stands beside the input: a field named as missing would mislead."""
    for name, value in fields.items():
        plain = name.strip().lower()
        if plain in _WRAPPERS and (isinstance(value, Mapping | list) or is_json(value)):
            raise InvalidRequest(
                f'the input is wrapped in another `{name[:_LONGEST_NAME]}`: send {{"input": {{"action": ...}}}}, with the fields in one '
                "`input` alone, as an object",
                field="input",
            )
        if plain.replace("_", "") == "s3config":
            raise InvalidRequest(OTHER_BUCKET, field=name)
        if plain in _BESIDE:
            raise InvalidRequest(
                f"{name!r} is RunPod's: it stands beside `input`, not in it; leave it out here", field=name
            )


def is_json(value: object) -> bool:
    """Whether it is a string that begins and ends as a JSON object or list does."""
    text = value.strip() if isinstance(value, str) else ""
    return text[:1] + text[-1:] in ("{}", "[]")
