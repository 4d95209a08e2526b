"""wetext, which is asked about what no rule has claimed."""

import subprocess
import sys

import pytest

from cloning.reading.languages.han import grammars
from cloning.reading.languages.han.grammars import unclaimed
from cloning.reading.spans import Replacement


class _Heard:
    """Gives one answer, or raises it."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def normalize(self, text: str) -> str:
        self.asked.append(text)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _heard(monkeypatch: pytest.MonkeyPatch, answer: str | Exception) -> _Heard:
    heard = _Heard(answer)
    monkeypatch.setattr(grammars, "_normalizer", lambda _: heard)
    return heard


@pytest.mark.parametrize(
    "answer", [AssertionError("no path"), RuntimeError(), "三比特，别的词", "X三比特", "3mbps", "三 to be"]
)
def test_an_answer_that_fails_or_touches_words_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, answer: str | Exception
) -> None:
    """An answer that fails or changes words isn't used; then the digits alone are read by our own rule."""
    _heard(monkeypatch, answer)

    found = unclaimed("zh", "网速3mbps左右", [], lambda digits: f"<{digits}>")

    assert found == [Replacement(2, 3, "<3>")]


def test_an_answer_counts_between_the_words_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grammars get the words around the digits; only what they give between those words is used."""
    heard = _heard(monkeypatch, "网速三兆比特每秒左右")

    found = unclaimed("zh", "的，网速3mbps左右。", [], str)

    assert heard.asked == ["网速3mbps左右"]
    assert found == [Replacement(4, 9, "三兆比特每秒")]


def test_claimed_stretches_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches that a rule has claimed are not shown to it: a pause tag makes its grammars fail."""
    heard = _heard(monkeypatch, "x")

    unclaimed("zh", "[pause:500ms]3mbps", [Replacement(0, 13, "")], str)

    assert heard.asked == ["3mbps"]


def test_a_stretch_is_asked_about_once_and_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch is asked about once, and a long text full of codes costs at most 300 questions."""
    heard = _heard(monkeypatch, AssertionError())

    found = unclaimed("zh", "3mbps " * 50 + " ".join(f"{number}q" for number in range(1000)), [], lambda _: "数")

    assert len(heard.asked) <= 300
    assert len(found) == 1050


def test_a_text_without_unknown_digits_never_loads_the_grammars() -> None:
    """Its grammars cost half a second and 46 MB; a text without unknown digits never loads them."""
    program = (
        "import sys; from cloning.reading.languages import rules_of; from cloning.reading.rules import matches;"
        "text = '2023年5月1日他花了12.50元，第2名。'; rules = rules_of('zh'); claimed = matches(text, rules.rules);"
        "rules.rest(text, claimed); sys.exit('wetext' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
