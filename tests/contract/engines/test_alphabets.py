"""An alphabet's answer about a character agrees with what the engine's own code does with it."""

from unicodedata import category

import pytest

from engines.alphabets import f5_knows
from engines.imports.f5 import import_f5
from engines.xtts import XttsEngine
from tests.alphabets import stock, vocabulary
from tests.real import load_tiny_xtts


def test_upstream_looks_every_character_up_as_the_alphabet_says() -> None:
    """For every visible character of the basic plane, upstream's lookup finds exactly what the alphabet calls known."""
    convert = import_f5().convert_char_to_pinyin
    everything = [chr(code) for code in range(33, 0xFFFF, 5) if category(chr(code)) not in ("Cs", "Cn", "Co")]
    visible = [character for character in everything if not character.isspace()]

    found = {
        one: all(token in vocabulary() for token in tokens)
        for one, tokens in zip(visible, convert(visible), strict=True)
    }

    assert {one: stock().knows(one) for one in visible} == found


def test_a_checkpoints_own_vocabulary_counts() -> None:
    """A checkpoint's own vocabulary decides: an Arabic one knows letters that the stock vocabulary lacks."""
    knows = f5_knows(frozenset("سلام، ؟"))

    assert knows("سلام، سلام؟")
    assert not stock().knows("سلام")


@pytest.fixture(scope="module")
def xtts(tmp_path_factory: pytest.TempPathFactory) -> XttsEngine:
    return load_tiny_xtts(tmp_path_factory.mktemp("xtts"))


@pytest.mark.parametrize(
    ("text", "language", "known"),
    [
        ("It costs $20, or 20€: 50% off!", "en", True),
        ("As 10 horas, sim?", "pt", True),
        ("안녕하세요", "en", False),
        ("Well done 🎉", "en", False),
    ],
)
def test_xtts_knows_what_its_tokenizer_has_tokens_for(xtts: XttsEngine, text: str, language: str, known: bool) -> None:  # noqa: FBT001 - a table
    """XTTS knows a text if its tokenizer has tokens for it once the language's numbers and signs are written out."""
    assert xtts.alphabet(language).knows(text) is known


def test_a_sign_that_stands_beside_numbers_is_known(xtts: XttsEngine) -> None:
    """An emoji elsewhere in the text doesn't make the currency signs unknown."""
    assert [one for one in "$€%🎉" if xtts.alphabet("en").knows(one)] == ["$", "€", "%"]
