"""Subtitles show the caller's text at the words' times, in the three forms."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pysubs2
import pytest

from cloning.checking.cues import cues
from cloning.checking.subtitles import subtitles
from tests.timed import SubtitleWord, timed

GOLDEN = Path(__file__).parent / "golden"
Form = Literal["srt", "vtt", "ass"]
FISHERMAN = (
    'Once upon a time, in a village by the sea, there lived an old fisherman who said: "The sea gives {and} takes <i>." '
    "[pause:1500ms] Nobody believed him -- yet everybody listened & wondered --> what C:\\New meant. A well-known fact (really) it was."
)
STORY = (
    FISHERMAN,
    "Oui ! Cela coûte 3,50 € ; c’est cher.",
    "سلام. هذا نص عربي طويل نسبيا، وهو يستمر حتى نهاية السطر الثاني من الترجمة.",
)
CHINESE = "他说：“你好，世界！”然后他走进了房间，坐在窗边的椅子上，看着外面的雨慢慢地落下来，一句话也没有再说。"


@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_a_story_gives_these_files(form: Form) -> None:
    """Escapes, lines, turns, pauses and right-to-left, byte for byte."""
    words, length_s = timed(STORY)

    written = subtitles(words, STORY, form, length_s=length_s)

    assert written == (GOLDEN / f"story.{form}").read_bytes()


def test_a_text_without_spaces_gives_this_file() -> None:
    """Wide characters count two columns, and no line begins with a closing sign."""
    words, length_s = timed([CHINESE], per_second=5, by_character=True)

    written = subtitles(words, [CHINESE], "vtt", length_s=length_s)

    assert written == (GOLDEN / "chinese.vtt").read_bytes()


def test_words_without_a_time_before_the_first_one_lengthen_their_cue() -> None:
    """A cue whose only timed word is its last one can be read: it begins up to a second before the word's end, and never before the words in front of it."""
    words, _ = timed(["A long story."])
    untimed = [replace(word, start=None, end=None) for word in words[:-1]]

    (alone,) = cues([*untimed, replace(words[-1], start=1.2, end=1.22)], ["A long story."], 1.22)
    two = [
        replace(words[0], start=0.0, end=0.9),
        replace(words[1], start=None, end=None),
        replace(words[2], start=1.2, end=1.22),
    ]
    (together,) = cues(two, ["A long story."], 1.22)

    assert (alone.start, alone.end) == pytest.approx((0.22, 1.22))
    assert (together.start, together.end) == pytest.approx((0.0, 1.22))


@pytest.mark.parametrize("form", ["srt", "vtt", "ass"])
def test_other_programs_read_the_same_times(form: Form) -> None:
    """A parser finds as many cues as were written, where they were."""
    words, length_s = timed(STORY)

    read = pysubs2.SSAFile.from_string(subtitles(words, STORY, form, length_s=length_s).decode())

    expected = cues(words, STORY, length_s)
    assert [round(event.start / 10) for event in read] == [round(cue.start * 100) for cue in expected]
    assert [round(event.end / 10) for event in read] == [round(cue.end * 100) for cue in expected]


@pytest.mark.parametrize(
    ("text", "form", "line"),
    [
        (r"a {\an8} b", "ass", "a \\{\\\u2060an8\\} b"),
        (r"a {\an8} b", "srt", "a {\u2060\\\u2060an8} b"),
        (r"a \N b", "vtt", "a \\\u2060N b"),
        ("a --> b", "srt", "a --\u2060> b"),
        ("a --> b", "vtt", "a --&gt; b"),
        ("a </i> & b", "srt", "a <\u2060/i> & b"),
        ("a </i> & b", "vtt", "a &lt;/i&gt; &amp; b"),
        ("a < 5 b", "srt", "a < 5 b"),
        ("a\r\n\n1\x00\x0b\u2028b", "srt", "a 1 b"),
    ],
)
def test_a_text_is_never_markup(text: str, form: Form, line: str) -> None:
    """What players would take for markup, for a time or for the end of a cue, is shown as it is written."""
    words = [SubtitleWord(0, 1, 0.0, 0.5), SubtitleWord(len(text) - 1, len(text), 0.6, 2.0)]

    written = subtitles(words, [text], form, length_s=2.0).decode()

    assert any(written_line.rpartition(",,")[2] == line for written_line in written.splitlines())


def test_without_words_there_is_no_cue() -> None:
    """The file is there all the same, and says what it is."""
    assert subtitles([], ["Hello."], "vtt", length_s=3.0) == b"WEBVTT\n\n"
    assert subtitles([], ["Hello."], "srt", length_s=3.0) == b""


@pytest.mark.parametrize(
    ("text", "silence_s"), [("One two three four.", 0.6), ("One two [pause:100ms] three four.", 0.1)]
)
def test_a_pause_ends_a_cue(text: str, silence_s: float) -> None:
    """Silence in the speech does, and one that the caller asked for, however short."""
    words, _ = timed([text.replace("[pause:100ms]", " " * 13)])
    later = [replace(word, start=(word.start or 0) + silence_s, end=(word.end or 0) + silence_s) for word in words[2:]]

    found = cues([*words[:2], *later], [text], 10.0)

    assert [cue.lines for cue in found] == [("One two",), ("three four.",)]


def test_a_short_cue_stays_for_a_second_where_silence_follows() -> None:
    """But not into the next one, and not beyond the speech."""
    texts = ["No.", "Yes.", "Oh."]
    words = [SubtitleWord(0, 3, 0.0, 0.3, 0), SubtitleWord(0, 3, 0.6, 0.9, 1), SubtitleWord(0, 2, 5.0, 5.2, 2)]

    found = cues(words, texts, 5.5)

    assert [(cue.start, cue.end) for cue in found] == [(0.0, 0.6), (0.6, 1.6), (5.0, 5.5)]


def test_a_fast_cue_stays_until_it_can_be_read() -> None:
    """At most twenty columns a second, where silence follows."""
    words, _ = timed(["forty characters are said in one second."], per_second=40)

    (cue,) = cues(words, ["forty characters are said in one second."], 10.0)

    assert cue.end - cue.start == pytest.approx(2.0)


def test_words_without_times_are_shown_with_their_neighbours() -> None:
    """And no time is made up for them."""
    words = [
        SubtitleWord(0, 3, None, None),
        SubtitleWord(4, 7, 1.0, 1.5),
        SubtitleWord(8, 13, None, None),
        SubtitleWord(14, 18, 2.0, 2.6),
        SubtitleWord(19, 23, None, None),
    ]

    (cue,) = cues(words, ["One two three four five."], 9.0)

    assert (cue.lines, cue.start, cue.end) == (("One two three four five.",), 1.0, 2.6)


def test_a_turn_without_any_time_is_shown_between_its_neighbours() -> None:
    """Nobody else speaks then."""
    texts = ["One.", "Two.", "Three."]
    words = [SubtitleWord(0, 3, 0.0, 1.0), SubtitleWord(0, 3, None, None, 1), SubtitleWord(0, 5, 2.5, 3.5, 2)]

    found = cues(words, texts, 3.5)

    assert [(cue.lines[0], cue.start, cue.end) for cue in found] == [
        ("One.", 0, 1),
        ("Two.", 1, 2.5),
        ("Three.", 2.5, 3.5),
    ]


def test_a_word_longer_than_a_line_is_shown_whole() -> None:
    """On one line, because it can't be split."""
    text = f"See {'x' * 60} there."
    words, length_s = timed([text], per_second=20)

    assert "x" * 60 in [line for cue in cues(words, [text], length_s) for line in cue.lines]


def test_signs_stay_with_their_words() -> None:
    """Closing ones with the word before, opening ones with the word behind, also where no space tells."""
    text = "他说：“你好”（大声）。"
    words = [SubtitleWord(place, place + 1, None, None) for place, sign in enumerate(text) if sign.isalnum()]
    apart = [replace(word, start=2.0 * place, end=2.0 * place + 1.2) for place, word in enumerate(words)]

    found = cues(apart, [text], 20.0)

    assert [cue.lines[0] for cue in found] == ["他", "说：", "“你", "好”", "（大", "声）。"]
