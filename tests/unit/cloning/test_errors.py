"""The tree of failures is drawn in its module, and every failure has the same form in replies."""

import json
import re
from collections.abc import Iterator

from cloning import errors
from cloning.errors import ServiceError, VoiceNotFound


def kinds(base: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def drawn() -> dict[str, tuple[int, str]]:
    """Class name -> (depth, code), as drawn in the module's docstring."""
    rows = re.findall(r"^([│ ]*)[├└]── (\w+) +([A-Z_]+) ", errors.__doc__ or "", re.MULTILINE)
    return {name: (len(indent) // 4, code) for indent, name, code in rows}


def test_the_drawn_tree_is_the_tree() -> None:
    """The drawn tree has every class under its base, and no other."""
    assert drawn() == {kind.__name__: (len(kind.__mro__) - 5, kind.code) for kind in kinds()}


def test_no_two_failures_share_a_code() -> None:
    """No two failures share a code, so the code alone identifies an error."""
    codes = [kind.code for kind in kinds()]

    assert len(set(codes)) == len(codes)


def test_a_failure_travels_with_its_code_in_front() -> None:
    """`error` begins with the code, because some clients see only that text."""
    reply = VoiceNotFound("no voice 'x'", voice="x").to_reply()

    assert json.loads(json.dumps(reply)) == {
        "error": "VOICE_NOT_FOUND: no voice 'x'", "code": "VOICE_NOT_FOUND", "message": "no voice 'x'",
        "retryable": False, "details": {"voice": "x"},
    }  # fmt: skip
