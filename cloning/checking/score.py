"""The judgement of speech against its text."""

from collections.abc import Callable

from cloning.checking.verdict import Speech, Verdict
from cloning.ports import Alignment, Unaligned


def _as_written(text: str) -> str:
    return text


def judge(
    speech: Speech,
    alignment: Alignment | Unaligned,
    heard: str | None = None,
    read: Callable[[str], str] = _as_written,
) -> Verdict:
    """
    Whether the speech says its text, by its alignment alone, or with what was `heard` in it as a second witness.

    `read` writes a text as it is read aloud ("12" as "twelve"), so that what was heard can be compared with what was meant. An alignment
    that is not there makes the verdict `unavailable`, with its reason.
    """
    raise NotImplementedError
