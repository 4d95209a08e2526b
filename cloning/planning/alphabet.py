"""
The characters of a text that a checkpoint can be given.

A character that its vocabulary doesn't know would become a space inside the model: "MILHÕES" would be heard as "MILH ES" without
notice. Here a text of known characters stays as it is, character for character. Unknown ones are tried in the forms that
sound the same (composed, lower case, compatible); the others are reported to the caller, and a text with too many of them is refused.
"""

import re
from dataclasses import dataclass
from unicodedata import category, normalize

from cloning.characters import is_invisible
from cloning.errors import InvalidText
from cloning.ports import Alphabet

# A character with the marks that sit on it.
_CLUSTER = re.compile(r"(?s).[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a]*")
# More unknown letters than one in so many, and the text is not one that the checkpoint speaks.
_ONE_IN = 3
_MOST_NAMED = 50


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
