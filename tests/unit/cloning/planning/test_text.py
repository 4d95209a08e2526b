"""Characters that a checkpoint doesn't know, by the vocabulary that f5-tts brings."""

import pytest

from cloning.errors import InvalidText
from cloning.planning.text import normalised, refuse_unspeakable
from tests.alphabets import stock


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MILHÕES DE AVÔS", "MILHõES DE AVôS"),
        ("ac\u0327a\u0303o", "ação"),
        ("co\xadoperate \ufeffnow\u200b!", "cooperate now!"),
        ("ＡＢＣ １２", "ABC 12"),
        ("2ª parte, Œuvre, GROẞ", "2a parte, œuvre, GROß"),
        ("如果；那么", "如果;那么"),
        ("Well done!", "Well done!"),
        ("as\u2060 is\u00a0it", "as is\u00a0it"),
    ],
)
def test_unknown_characters_are_given_in_a_form_that_is_known(text: str, expected: str) -> None:
    """An unknown character is given in a known form: composed, lower-case or compatible; invisible ones are dropped."""
    result = normalised(text, stock())

    assert result.text == expected


@pytest.mark.parametrize(
    ("text", "expected", "unspoken"),
    [
        ("Well done! 🎉🎉", "Well done!   ", ("🎉",)),
        ("if a < b | c", "if a   b   c", ("<", "|")),
        ("x\u0303 is a vector", "x is a vector", ("\u0303",)),
        ("a family: 👨‍👩‍👧!", "a family:    !", ("👨", "👩", "👧")),
        ("the Γ ა function", "the γ   function", ("ა",)),
    ],
)
def test_what_is_known_in_no_form_is_named(text: str, expected: str, unspoken: tuple[str, ...]) -> None:
    """A character known in no form is named once, in the text's order, and a space takes its place."""
    result = normalised(text, stock())

    assert (result.text, result.unspoken) == (expected, unspoken)


def test_a_composed_letter_comes_from_the_letter_with_all_its_marks() -> None:
    """A composed letter has the place of the letter with all its marks, so that words of decomposed characters are located."""
    written = "Sa\u0303o Joa\u0303 de\u0301"

    result = normalised(written, stock())

    ends = [result.source(start, end) for start, end in ((0, 3), (4, 7))]
    assert [written[start:end] for start, end in ends] == ["Sa\u0303o", "Joa\u0303"]


@pytest.mark.parametrize("text", ["नमस्ते दुनिया।", "🎉🎉🎉", "გამარჯობა მსოფლიო, ok", "สวัสดีชาวโลก नमस्ते"])
def test_a_text_in_another_script_is_refused(text: str) -> None:
    """A text in another script is refused with the checkpoint, its languages, and how much of the text it doesn't know."""
    result = normalised(text, stock())

    with pytest.raises(InvalidText, match=r"'F5TTS_v1_Base', which speaks en, zh, doesn't know \d+ of the text's \d+"):
        refuse_unspeakable(result, stock())


@pytest.mark.parametrize("text", ["Well done! 🎉", "The letter Γ is Greek.", "你好，世界！", "Привет, мир!", "50 %"])
def test_a_text_with_a_few_unknown_characters_is_taken(text: str) -> None:
    """A text with a few unknown characters is spoken without them, and they are named."""
    refuse_unspeakable(normalised(text, stock()), stock())
