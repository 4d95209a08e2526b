"""Splitting a book into the texts of jobs."""

import re

import pytest
from f5_worker_client.texts import pieces_of
from hypothesis import given
from hypothesis import strategies as st

BOOK = """The Book

by Nobody

Chapter 1: The Storm

It rained.
All day long.

* * *

It stopped.

Chapter II

Sun. Really!

# Epilogue

The end.
"""


def spoken(text: str) -> list[str]:
    return [word for word in re.split(r"[\s#]+", text) if any(map(str.isalnum, word))]


def test_a_text_that_fits_is_one_job_as_it_is() -> None:
    """A text that fits is one job and stays the same, to its last space."""
    assert [piece.text for piece in pieces_of(BOOK)] == [BOOK]


def test_chapters_never_share_a_job() -> None:
    """Each chapter begins a job with its title, which is spoken; a part without a letter is left out."""
    pieces = pieces_of(BOOK, 60)

    assert [(piece.chapter, piece.title) for piece in pieces] == [
        (0, None),
        (1, "Chapter 1: The Storm"),
        (2, "Chapter II"),
        (3, "Epilogue"),
    ]
    assert pieces[1].text == "Chapter 1: The Storm\n\nIt rained.\nAll day long.\n\nIt stopped."
    assert pieces[3].text == "Epilogue\n\nThe end."


@pytest.mark.parametrize(
    ("limit", "parts"),
    [
        (24, ["One, two. Three! ", "Four five six, seven."]),
        (16, ["One, two. Three!", "Four five six,", "seven."]),
        (9, ["One, two.", "Three!", "Four five", "six,", "seven."]),
        (4, ["One,", "two.", "Thre", "e!", "Four", "five", "six,", "seve", "n."]),
    ],
)
def test_a_paragraph_is_cut_at_the_best_place_that_fits(limit: int, parts: list[str]) -> None:
    """A paragraph is split at the best place that fits: after a sentence, a comma, a space, or anywhere."""
    text = "One, two. Three! Four five six, seven."

    assert [piece.text for piece in pieces_of(text, limit)] == [part.strip() for part in parts]


def test_chinese_is_cut_without_spaces() -> None:
    """Chinese is split after its own full stops."""
    assert [piece.text for piece in pieces_of("第一章 雨\n\n下雨了。天晴了！好。", 6)] == [
        "第一章 雨",
        "下雨了。",
        "天晴了！好。",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Chapter 3",
        "CHAPTER III. The Storm",
        "Chapter Twelve",
        "Kapitel 2: Der Sturm",
        "Глава 5",
        "第十二章 风暴",
        "## Storm",
        "Part 2 - Sun",
    ],
)
def test_headings_are_known(line: str) -> None:
    """Headings in their most common forms are recognised."""
    assert pieces_of(f"Before.\n\n{line}\n\nAfter it {'x ' * 50}", 60)[1].title == line.lstrip("# ")


@pytest.mark.parametrize(
    "line", ["Chapter and verse were quoted.", "Part of it was lost", "#hashtag", "Teil davon war gut."]
)
def test_sentences_are_no_headings(line: str) -> None:
    """A sentence is not a heading."""
    assert {piece.title for piece in pieces_of(f"Before.\n\n{line}\n\nAfter it {'x ' * 50}", 60)} == {None}


@given(st.text(st.sampled_from("ab1 .,!?\n#。、é*-"), max_size=400), st.integers(1, 60))
def test_nothing_is_lost_moved_or_too_long(text: str, limit: int) -> None:
    """For any text and limit the pieces have the same letters and digits in order, fit the limit, and have something to speak."""
    pieces = pieces_of(text, limit)
    alone = "".join(filter(str.isalnum, text))

    assert "".join(sign for piece in pieces for sign in piece.text if sign.isalnum()) == alone
    assert all(len(piece.text) <= limit for piece in pieces)
    assert len(text) <= limit or all(any(map(str.isalnum, piece.text)) for piece in pieces)


@given(
    st.lists(
        st.sampled_from(["Chapter 1", "One two. Three.", "* * *", "Four,\nfive.", "# Six"]), min_size=1, max_size=30
    )
)
def test_words_stay_whole_where_they_fit(blocks: list[str]) -> None:
    """No word is split if it fits the limit."""
    text = "\n\n".join(blocks)

    assert [word for piece in pieces_of(text, 20) for word in spoken(piece.text)] == spoken(text)
