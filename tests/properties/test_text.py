"""Chunks keep every word, stay within the limit and are never empty."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cloning.planning.text import split_text

WORDS = st.lists(st.text(alphabet="abcdefghijéãßж", min_size=1, max_size=12), min_size=1, max_size=60)
RULED = re.compile(r"([\W_])\1{8}")
FIRST = st.none() | st.integers(1, 80)
SIGNS = st.sampled_from([" ", ", ", ". ", "; ", "\n", "! ", "... ", " - "])


@given(words=WORDS, signs=st.lists(SIGNS, min_size=60, max_size=60), limit=st.integers(20, 300), first=FIRST)
def test_every_word_arrives_whole_and_in_order(
    words: list[str], signs: list[str], limit: int, first: int | None
) -> None:
    """Joined again, the chunks give the text."""
    text = "".join(word + sign for word, sign in zip(words, signs, strict=False))

    chunks = split_text(text, limit, first=first)

    assert " ".join(chunks).split() == text.split()


@given(words=WORDS, signs=st.lists(SIGNS, min_size=60, max_size=60), limit=st.integers(60, 300), first=FIRST)
def test_chunks_of_ordinary_words_stay_within_the_limit(
    words: list[str], signs: list[str], limit: int, first: int | None
) -> None:
    """A clause without punctuation is split too. (A chunk of mere signs may join its neighbour.)"""
    text = "".join(word + sign for word, sign in zip(words, signs, strict=False))

    assert all(len(chunk.encode()) <= limit + 4 for chunk in split_text(text, limit, first=first))


@given(text=st.text(max_size=400), limit=st.integers(1, 200), first=FIRST)
def test_no_chunk_is_empty_or_speechless(text: str, limit: int, first: int | None) -> None:
    """No chunk has only spaces and signs, unless the text has nothing else."""
    chunks = split_text(text, limit, first=first)

    assert all(chunk.strip() for chunk in chunks)
    if any(character.isalnum() for character in text):
        assert all(any(character.isalnum() for character in chunk) for chunk in chunks)


@given(text=st.text(max_size=400), limit=st.integers(1, 200), first=FIRST)
def test_nothing_but_white_space_is_lost(text: str, limit: int, first: int | None) -> None:
    """Whatever the script, each character is in exactly one chunk. (A long run of one sign is shortened.)"""
    assume(not RULED.search(text))
    assert "".join("".join(split_text(text, limit, first=first)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "chunks"),
    [
        ("   ", 50, []),
        ("word " * 6, 15, ["word word word", "word word word"]),
        ("One two three. Four five six. Seven.", 20, ["One two three.", "Four five six.", "Seven."]),
        ("a line\nanother line", 50, ["a line another line"]),
        ("你好世界。你好世界。", 15, ["你好世界。", "你好世界。"]),
        ("你好世界你好世界", 12, ["你好世界", "你好世界"]),
        ("x" * 40, 10, ["x" * 40]),
        ("Wait... what? - No.", 8, ["Wait...", "what?", "- No."]),
        ("यह एक वाक्य है। यह दूसरा वाक्य यहाँ है॥", 80, ["यह एक वाक्य है।", "यह दूसरा वाक्य यहाँ है॥"]),
        ("مرحبا بالعالم، كيف حالك؟ بخير؛ شكرا", 40, ["مرحبا بالعالم،", "كيف حالك؟ بخير؛ شكرا"]),
        ("یہ ایک جملہ ہے۔ یہ دوسرا جملہ یہاں ہے۔", 50, ["یہ ایک جملہ ہے۔", "یہ دوسرا جملہ یہاں ہے۔"]),
    ],
)
def test_texts_are_split_where_a_speaker_would_pause(text: str, limit: int, chunks: list[str]) -> None:
    """Texts are split after clauses first, then between words, never inside one."""
    assert split_text(text, limit) == chunks


def test_the_last_chunk_is_no_lonely_word() -> None:
    """Chunks come out even, because F5-TTS speaks a chunk of one short word badly."""
    sizes = [len(chunk) for chunk in split_text("alpha beta gamma delta " * 8 + "end.", 100)]

    assert min(sizes) > max(sizes) / 2


@pytest.mark.parametrize("base", ["ก\u0e31", "က\u102b", "か\u3099"])
def test_a_mark_is_never_parted_from_its_letter(base: str) -> None:
    """Scripts without spaces are split between letters, never before a mark."""
    for chunk in split_text(base * 30, 31):
        assert chunk[0] == base[0]


@pytest.mark.parametrize("rule", ["=" * 80, "-" * 40, "." * 30, "_" * 9, "★" * 20])
def test_a_line_of_one_sign_is_not_spoken_at_length(rule: str) -> None:
    """A long run of one sign is shortened: F5-TTS gives every byte its time, and 80 "=" would last 8 s."""
    assert split_text(f"One.\n{rule}\nTwo.", 200) == [f"One. {rule[:3]} Two."]


@pytest.mark.parametrize(
    "text", ["Wait......", "no!!!!", "1000000000000", "aaaaaaaaaaaa", "ーーーーーーーーーーあ", "________ is it"]
)
def test_what_people_write_for_a_pause_or_a_number_stays(text: str) -> None:
    """Short runs of a sign, as people write them, stay."""
    assert split_text(text, 200) == [text]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("One two three four. Five six seven, and a good deal more of the same behind it.", "One two three four."),
        (
            "One, two. Five six seven eight nine, and more of it than anybody wants.",
            "One, two. Five six seven eight nine,",
        ),
        ("A clause without any sign that would be a place to split it at all, and more.", "A clause without any"),
        ("No. And one clause that goes on and on and on for ever and ever, amen.", "No. And one clause that"),
        ("A short text, as it is.", "A short text, as it is."),
        ("这是一个没有任何标点的很长的句子它一直说下去没有尽头直到最后", "这是一个没有任何"),
    ],
)
def test_a_first_chunk_of_its_own_ends_where_a_speaker_would_pause(text: str, head: str) -> None:
    """The first chunk ends after a clause, if that is near the wished length, and otherwise between words."""
    assert split_text(text, 200, first=24)[0] == head


@given(
    words=st.lists(st.text(alphabet="abcdefghijéãßж", min_size=3, max_size=12), min_size=50, max_size=60),
    signs=st.lists(SIGNS, min_size=60, max_size=60),
    first=st.integers(24, 70),
)
def test_a_first_chunk_is_neither_long_nor_a_lonely_word(words: list[str], signs: list[str], first: int) -> None:
    """In a text that is longer than wished, the first chunk has between a third and twice of the wished length."""
    text = "".join(word + sign for word, sign in zip(words, signs, strict=False))
    size = len(split_text(text, 300, first=first)[0].encode())

    assert first / 3 <= size <= 2 * first + 4
