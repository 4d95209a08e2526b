"""
A text as an engine can be given it: in characters that it knows, in passages without a pause inside, in chunks that it can speak at once.

A character that a checkpoint's vocabulary doesn't know would become a space inside the model: "MILHÕES" would be heard as "MILH ES" without
notice. Here a text of known characters stays as it is, character for character. Unknown ones are tried in the forms that
sound the same (composed, lower case, compatible); the others are reported to the caller, and a text with too many of them is refused.

Upstream's `chunk_text` (f5_tts/infer/utils_infer.py) never splits a clause, so 60 words without a comma become one chunk
beyond the model's length, and a text of spaces becomes an empty one. Here a clause that is too long is split between words,
a run of a script without spaces between characters, and chunks come out even: F5-TTS speaks a last chunk of one short word
badly (SWivid/F5-TTS#460).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from unicodedata import category, normalize

from cloning.characters import is_invisible
from cloning.errors import InvalidText
from cloning.ports import Alphabet

Measure = Callable[[str], int]

# A character with the marks that sit on it.
_CLUSTER = re.compile(r"(?s).[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a]*")
# More unknown letters than one in so many, and the text is not one that the checkpoint speaks.
_ONE_IN = 3
_MOST_NAMED = 50
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


@dataclass(frozen=True)
class NormalisedText:
    """
    A text as a checkpoint can be given it.

    `unspoken` are the visible characters that can't be given in any form, each once, in the text's order. `letters` counts the
    text's letters and digits, `lost` those of them that are not in `text`. `sources` has the stretch
    where each character of `text` was before; None: all are where they were.
    """

    text: str
    unspoken: tuple[str, ...]
    letters: int
    lost: int
    sources: tuple[tuple[int, int], ...] | None = None

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the text before that [start, end) of `text` came from."""
        if self.sources is None or start == end:
            return start, end
        return self.sources[start][0], self.sources[end - 1][1]


def normalised(text: str, alphabet: Alphabet, *, leave_unknown: bool = False) -> NormalisedText:
    """
    The text in characters that the alphabet knows; a text that it knows stays as it is.

    A character that is known in no form becomes a space, or stays with `leave_unknown` (the model takes it for a space).
    """
    letters = sum(character.isalnum() for character in normalize("NFC", text))
    if alphabet.knows(text):
        return NormalisedText(text, (), letters, 0)
    kept: list[str] = []
    sources: list[tuple[int, int]] = []
    unspoken: dict[str, int] = {}

    def keep(form: str, start: int, end: int) -> None:
        kept.append(form)
        sources.extend([(start, end)] * len(form))

    for match in _CLUSTER.finditer(text):
        cluster, at = match.group(), match.start()
        if all(_is_known(character, alphabet) for character in cluster):
            for place, character in enumerate(cluster, at):
                keep(character, place, place + 1)
            continue
        for character in normalize("NFC", cluster):
            form = _known_form(character, alphabet)
            if form is None:
                unspoken[character] = unspoken.get(character, 0) + 1
                form = character if leave_unknown else "" if category(character).startswith("M") else " "
            keep(form, *match.span())
    lost = sum(times for character, times in unspoken.items() if character.isalnum())
    return NormalisedText("".join(kept), tuple(unspoken), letters, lost, tuple(sources))


def refuse_unspeakable(text: NormalisedText, alphabet: Alphabet) -> None:
    """Refuse a text if nothing can be spoken, or so little that it must be in another script than the checkpoint's. Raises InvalidText."""
    if any(character.isalnum() for character in text.text) and text.lost * _ONE_IN <= text.letters:
        return
    if not (text.letters or text.unspoken):
        raise InvalidText(
            "nothing of the text is left to speak: its respellings, or its Markdown marks, remove all of it",
            field="text",
        )
    speaks = f", which speaks {', '.join(alphabet.languages)}," if alphabet.languages else ""
    raise InvalidText(
        f"checkpoint {alphabet.checkpoint!r}{speaks} doesn't know {text.lost} of the text's {text.letters} letters and digits: "
        "choose a checkpoint of the text's language, or write the text in the checkpoint's script",
        field="text", checkpoint=alphabet.checkpoint, unspoken=list(text.unspoken[:_MOST_NAMED]),
    )  # fmt: skip


def _is_known(character: str, alphabet: Alphabet) -> bool:
    return character.isspace() or alphabet.knows(character)


def _known_form(character: str, alphabet: Alphabet) -> str | None:
    """A known form of the character; '' for an invisible one, None if there is none."""
    compatible = normalize("NFKC", character).strip()
    for form in (character, character.lower(), compatible, compatible.lower()):
        if form and all(_is_known(one, alphabet) for one in form):
            return form
    return "" if is_invisible(character) else None


@dataclass(frozen=True)
class Passage:
    """
    The words that one voice says without a pause, in characters that the engine knows, after `pause_s` seconds of silence.

    `turn` is the place of its turn in the request, `start` where it begins in the reading of that turn.
    """

    turn: int
    start: int
    text: NormalisedText
    pause_s: float


def with_speech(passages: Sequence[Passage], pause_s: float) -> tuple[tuple[Passage, ...], float]:
    """
    The passages with a letter or digit, if there are any, and the silence after the last one; `pause_s` comes after all of them.

    Of a passage without any, the silence stays, and its unknown characters count with a neighbour's.
    """
    kept: list[Passage] = []
    mute: list[NormalisedText] = []
    silence_s = 0.0
    for passage in passages:
        silence_s += passage.pause_s
        if any(map(str.isalnum, passage.text.text)):
            kept.append(replace(passage, pause_s=silence_s, text=_counting(passage.text, [*mute, passage.text])))
            mute, silence_s = [], 0.0
        else:
            mute.append(passage.text)
    if not kept:
        return tuple(passages), pause_s
    kept[-1] = replace(kept[-1], text=_counting(kept[-1].text, [kept[-1].text, *mute]))
    return tuple(kept), silence_s + pause_s


def joined(passages: Sequence[Passage]) -> NormalisedText:
    """All passages as one text, as it reaches the engine."""
    texts = [passage.text for passage in passages]
    whole = NormalisedText("\n".join(text.text for text in texts), (), 0, 0)
    return _counting(whole, texts)


def _counting(text: NormalisedText, counted: Sequence[NormalisedText]) -> NormalisedText:
    """The text with what is counted and unknown of several."""
    return replace(
        text,
        unspoken=tuple(dict.fromkeys(character for one in counted for character in one.unspoken)),
        letters=sum(one.letters for one in counted),
        lost=sum(one.lost for one in counted),
    )


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
