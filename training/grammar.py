"""
The sentences: a small grammar in which every sentence is new and every word comes back often.

The sets never overlap. `training` texts are learned, `unseen` ones come from the same grammar and are not, SHORT ones are
learned and are not sentences of the grammar, DEMO and FREE (words outside the grammar) are only asked for.
"""

import random
import re
import tomllib
from collections.abc import Collection
from pathlib import Path

_SETS = tomllib.loads(Path(__file__).with_name("grammar.toml").read_text("utf-8"))


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.strip().split(separator))


TEMPLATES = _split(_SETS["templates"], "\n")
WORDS = {name: _split(words.replace("\n", " "), "|") for name, words in _SETS["words"].items()}
SHORT = tuple(f"{word}." for word in _split(_SETS["short"].replace("\n", " "), "|"))
DEMO = _split(_SETS["demo"], "\n")
FREE = _split(_SETS["free"], "\n")

_FRESH = 1000  # what the seed of the unseen sentences is further on than that of the training texts


def sentence(rng: random.Random) -> str:
    """One sentence of the grammar."""
    text = re.sub(r"\{(\w+)\}", lambda name: rng.choice(WORDS[name[1]]), rng.choice(TEMPLATES))
    return text[0].upper() + text[1:]


def sentences(rng: random.Random, count: int, without: Collection[str] = ()) -> list[str]:
    """As many different sentences, none of which is in `without`."""
    found: dict[str, None] = {}
    while len(found) < count:
        text = sentence(rng)
        if text not in without:
            found[text] = None
    return list(found)


def unseen(seed: int, count: int = 200, without: Collection[str] = ()) -> list[str]:
    """Sentences that no training of that seed sees."""
    return sentences(random.Random(seed + _FRESH), count, {*SHORT, *DEMO, *without})


def training(seed: int, voice: str, count: int) -> list[str]:
    """What a voice says in the training data; nothing of it is in another set."""
    return sentences(random.Random(f"{seed}/{voice}"), count, {*unseen(seed), *SHORT, *DEMO, *FREE})
