"""
Text into chunks that an engine can speak.

Upstream's `chunk_text` (f5_tts/infer/utils_infer.py) never splits a clause, so 60 words without a comma become one chunk
beyond the model's length, and a text of spaces becomes an empty one. Here a clause that is too long is split between words,
a run of a script without spaces between characters, and chunks come out even: F5-TTS speaks a last chunk of one short word
badly (SWivid/F5-TTS#460).
"""

import re
from collections.abc import Callable

Measure = Callable[[str], int]

# Where a clause ends: behind its signs and closing quotes, or at the end of a line. Every match starts at its own sign and
# gives nothing back, so a text of mere dots is read in linear time.
_CLAUSE_END = re.compile(r"[;:,.!?…।॥؟،؛۔][\"'”’»)\]]*+\s++|[；：，。！？、][”’」』）]*+\s*+|\n++")
# A rule across the page, the dots of a table of contents: nobody means to hear 80 of them.
_RULE = re.compile(r"([\W_])\1{8,}")
_WORD = re.compile(r"\S+\s*")
# Thai, Lao, Myanmar, Khmer; kana, CJK ideographs; compatibility ideographs and forms; the supplementary ideographic planes.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
# One character of such a script with the marks that sit on it and the punctuation behind it, or a run of anything else.
_MARKS = "\u0300-\u036f\u3099\u309a\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3"
_CLOSING = "、。，！？；：」』）"
_SYLLABLE = re.compile(rf"[{_UNSPACED}][{_MARKS}{_CLOSING}]*\s*|[^{_UNSPACED}]+")


def utf8_bytes(text: str) -> int:
    """A text's length as F5-TTS counts it."""
    return len(text.encode())


def split_text(text: str, most: int, measure: Measure = utf8_bytes, first: int | None = None) -> list[str]:
    """
    Split `text` into chunks of at most `most` by `measure` (UTF-8 bytes), after clauses where possible, else between words.

    With `first` the first chunk has about that size, so that it is spoken soon: whole clauses if they have between half and twice of it.
    Every word arrives whole and in order; a single spaced word longer than `most` is a chunk of its own. No chunk is empty
    or without a letter or digit (unless the whole text is).
    """
    limit = max(1, most)

    def size(piece: str) -> int:
        return measure(piece.strip())

    clauses = _clauses(_tidied(text))
    head, clauses = _headed(clauses, first, size) if first and 2 * first < limit else ([], clauses)
    atoms = [atom for clause in clauses for atom in _atoms(clause, limit, size)]
    chunks = _packed(atoms, limit, size)
    return _speakable([*head, *_packed(atoms, _even_limit(atoms, len(chunks), limit, size), size)])


def _headed(clauses: list[str], first: int, size: Measure) -> tuple[list[str], list[str]]:
    """The first chunk, and the clauses after it; no first chunk of its own if the text is hardly longer."""
    if size("".join(clauses)) <= 2 * first:
        return [], clauses
    head, rest = "", list(clauses)
    while size(head + rest[0]) <= first or (2 * size(head) < first and size(head + rest[0]) <= 2 * first):
        head += rest.pop(0)
    if 2 * size(head) < first:  # the next clause is a long one: what of its words fits
        words = _atoms(rest.pop(0), first, size)
        while words and (not head or size(head + words[0]) <= first):
            head += words.pop(0)
        rest = ["".join(words), *rest]
    return [" ".join(head.split())], rest


def _tidied(text: str) -> str:
    """One space between words, of a long run of one sign three; an end of line without punctuation still ends a clause."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return _RULE.sub(r"\1\1\1", "\n".join(line for line in lines if line))


def _clauses(text: str) -> list[str]:
    ends = [match.end() for match in _CLAUSE_END.finditer(text)]
    return [clause for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if (clause := text[start:end])]


def _atoms(clause: str, limit: int, size: Measure) -> list[str]:
    if size(clause) <= limit:
        return [clause]
    words = _WORD.findall(clause)
    return [piece for word in words for piece in ([word] if size(word) <= limit else _SYLLABLE.findall(word))]


def _packed(atoms: list[str], limit: int, size: Measure) -> list[str]:
    chunks: list[str] = []
    current = ""
    for atom in atoms:
        if current and size(current + atom) > limit:
            chunks.append(current)
            current = ""
        current += atom
    chunks.append(current)
    return [" ".join(chunk.split()) for chunk in chunks if chunk.strip()]


def _even_limit(atoms: list[str], count: int, limit: int, size: Measure) -> int:
    """The least limit (of 16 tried) that needs no more chunks than the largest one does."""
    if count < 2:  # noqa: PLR2004 - one chunk is as even as it gets
        return limit
    least = min(limit, -(-sum(size(atom) for atom in atoms) // count))
    tries = [least + (limit - least) * step // 15 for step in range(16)]
    return next((one for one in tries if len(_packed(atoms, one, size)) <= count), limit)


def _speakable(chunks: list[str]) -> list[str]:
    """Join chunks of nothing but signs with their neighbour: the model would make noise of them."""
    joined: list[str] = []
    for chunk in chunks:
        if joined and not (_has_speech(joined[-1]) and _has_speech(chunk)):
            joined[-1] = f"{joined[-1]} {chunk}"
        else:
            joined.append(chunk)
    return joined


def _has_speech(chunk: str) -> bool:
    return any(character.isalnum() for character in chunk)
