"""No character of a text gets lost between the caller and the model."""

from unicodedata import category, normalize

from hypothesis import given, settings
from hypothesis import strategies as st

from cloning.characters import is_invisible
from cloning.planning.text import normalised
from engines.imports.f5 import import_f5
from tests.alphabets import stock

# Every script, and those that a caller is likely to send more often.
LIKELY = "MILHÕESÔªŒẞß ação Über žluťoučký привет ΓεΘ你好我们 नमस्ते ،؟ ＡＢＣ １２ <^|` “”‘’; ... 🎉👨‍👩‍👧 co\xadop \u200b\ufeff x\u0303 e\u0301"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(LIKELY), max_size=60)


def forms(character: str) -> list[str]:
    """The forms in which a character may reach the model."""
    compatible = normalize("NFKC", character).strip()
    return [character, character.lower(), compatible, compatible.lower()]


@given(text=TEXTS)
@settings(deadline=None)  # the first hanzi loads a dictionary
def test_every_visible_character_reaches_the_model_or_is_named(text: str) -> None:
    """Every visible character reaches the model as itself or in a composed, lower-case or compatible form, or is listed in `unspoken`."""
    result = normalised(text, stock())

    # An accent may have been composed with its letter: it is looked for on its own too.
    spoken = result.text + normalize("NFD", result.text)
    named = "".join(result.unspoken) + normalize("NFD", "".join(result.unspoken))
    for character in text:
        reached = any(form and form in spoken for form in forms(character))
        assert character.isspace() or reached or character in named or is_invisible(character)


@given(text=TEXTS)
@settings(deadline=None)
def test_upstream_finds_all_that_is_left(text: str) -> None:
    """Upstream's lookup finds every character of a reading, so none silently becomes a space."""
    result = normalised(text, stock())

    (tokens,) = import_f5().convert_char_to_pinyin([" ".join(result.text.split())])
    assert [token for token in tokens if not stock().knows(token[0]) and len(token) == 1] == []


@given(text=TEXTS)
@settings(deadline=None)
def test_a_text_of_known_characters_is_not_touched(text: str) -> None:
    """A text of known characters stays as it is, decomposed ones and odd spaces included."""
    known = "".join(character for character in text if stock().knows(character))

    assert normalised(known, stock()).text == known
    assert normalised(known, stock()).unspoken == ()


@given(text=TEXTS)
@settings(deadline=None)
def test_what_was_normalised_stays_the_same(text: str) -> None:
    """Normalising again changes nothing."""
    once = normalised(text, stock())

    assert normalised(once.text, stock()).text == once.text
    assert all(not category(one).startswith("Z") for one in once.unspoken)
