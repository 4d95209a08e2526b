"""The caller's own respellings."""

from cloning.reading.reader import read


def said(text: str, say: dict[str, str], language: str | None = None) -> str:
    return read(text, language, say=say).text


def test_whole_words_are_respelled() -> None:
    """In scripts with spaces only whole words are respelled; marks on letters belong to the word."""
    assert said("cat cats concat cat's (cat) cat_x", {"cat": "dog"}) == "dog cats concat dog's (dog) cat_x"
    assert said("वह वही", {"वह": "x"}) == "x वही"
    assert said("мир мира", {"мир": "x"}) == "x мира"


def test_a_word_with_a_capital_is_found_only_as_it_is_written() -> None:
    """A word with a capital is found only in that form; one in small letters is found in any."""
    assert said("Polish polish POLISH", {"Polish": "Pole-ish"}) == "Pole-ish polish POLISH"
    assert said("Sql SQL sql", {"sql": "sequel"}) == "sequel sequel sequel"
    assert said("Sql SQL sql", {"sql": "sequel", "SQL": "S Q L"}) == "sequel S Q L sequel"


def test_the_longest_word_counts() -> None:
    """If several words begin at the same place, the longest is respelled."""
    assert said("New York City, New York", {"New York": "NY", "New York City": "NYC"}) == "NYC, NY"


def test_scripts_without_spaces_have_no_words() -> None:
    """In scripts without spaces any sequence of characters may be respelled."""
    assert said("北京银行很好", {"银行": "yin2 hang2"}) == "北京yin2 hang2很好"
    assert said("東京タワー", {"タワー": "tower"}) == "東京tower"


def test_what_is_respelled_is_read_as_it_says() -> None:
    """Numbers in a respelling are read, and no rule sees the caller's original word."""
    assert said("COVID-19 and MP3", {"COVID-19": "covid 19"}, "en") == "covid nineteen and MP three"
    assert said("No. 5", {"No.": "No"}, "en") == "No five"
    assert said("uh yes", {"uh": ""}) == " yes"


def test_respellings_count_where_nothing_is_normalised() -> None:
    """Without normalising, respellings still apply, because the caller asked for them; numbers in them stay."""
    assert read("12 cats", "en", say={"cats": "5 dogs"}, normalize=False).text == "12 5 dogs"


def test_the_place_of_a_respelling_is_known() -> None:
    """A respelling's span covers the whole word that it replaces."""
    reading = read("a Nguyen b", None, say={"Nguyen": "Win"})

    assert [reading.text[one.start : one.end] for one in reading.spans] == ["a ", "Win", " b"]
    assert reading.source(3, 4) == (2, 8)
