"""Subtitles of a speech: SRT, VTT and ASS."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal
from unicodedata import bidirectional

from cloning.checking.cues import Cue, SubtitleWord, cues

# A word joiner is not seen. Behind a sign it keeps a player from taking it for markup.
_JOINER = "\u2060"
_RIGHT_TO_LEFT, _END_OF_DIRECTION = "\u202b", "\u202c"


def subtitles(
    words: Sequence[SubtitleWord], texts: Sequence[str], form: Literal["srt", "vtt", "ass"], *, length_s: float = 0.0
) -> bytes:
    """
    The file in that form, in UTF-8.

    `texts` are the caller's, one per turn; cues show them as they are written, without `[pause:...]`. The last cue may stay until
    `length_s`, the length of the speech, and never ends before its last word.
    """
    from pysubs2 import SSAEvent, SSAFile  # 40 ms that only subtitles should cost

    found = SSAFile()
    for cue in cues(words, texts, length_s):
        text = r"\N".join(_ESCAPED[form](line) for line in _directed(cue, form))
        found.append(SSAEvent(start=round(cue.start * 1000), end=round(cue.end * 1000), text=text))
    options = {} if form == "ass" else {"keep_ssa_tags": True}  # a text's own braces are none
    return found.to_string(form, **options).encode()


def _directed(cue: Cue, form: str) -> list[str]:
    """The lines, with marks that put a right-to-left line's signs in their places; VTT's players see to that themselves."""
    letters = (bidirectional(character) for line in cue.lines for character in line)
    first = next((kind for kind in letters if kind in ("L", "R", "AL")), "L")
    if form == "vtt" or first == "L":
        return list(cue.lines)
    return [f"{_RIGHT_TO_LEFT}{line}{_END_OF_DIRECTION}" for line in cue.lines]


def _without_backslashes(line: str) -> str:
    r"""A line in which no `\N` and the like begins, as in FFmpeg; pysubs2 reads them in texts of any form."""
    return line.replace("\\", f"\\{_JOINER}")


def _srt(line: str) -> str:
    """SRT has no escapes; players take tags out of it all the same."""
    return re.sub(r"<(?=[A-Za-z/])|--(?=>)|\{(?=\\)", rf"\g<0>{_JOINER}", _without_backslashes(line))


def _vtt(line: str) -> str:
    return html.escape(_without_backslashes(line), quote=False)


def _ass(line: str) -> str:
    return re.sub(r"([{}])", r"\\\1", _without_backslashes(line))


_ESCAPED: Mapping[str, Callable[[str], str]] = {"srt": _srt, "vtt": _vtt, "ass": _ass}
