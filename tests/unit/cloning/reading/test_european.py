"""What the European languages other than English have in common."""

from random import Random

import pytest

from cloning.reading.languages import rules_of
from cloning.reading.reader import read
from tests.unit.cloning.reading.languages.marked import marked_by, text_of

REGIONS = ("de", "fr", "fr-CH", "fr-BE", "es", "es-MX", "es-AR", "es-US", "it", "pt", "pt-BR", "pt-PT", "ru")
SENTENCES = {
    "de": "Am 24.12.1998 um 14:30 Uhr zahlte Wilhelm II. 12,50 € für 5 km, d. h. 3,5 % von 1.234 (24/7), Tel. 030 12345678.",
    "fr": "Le 24/12/1998 à 14h30, Louis XIV paya 12,50 € pour 5 km, c.-à-d. 3,5 % de 1 234 (24/7), tél. 06 12 34 56 78.",
    "es": "El 24/12/1998 a las 14:30 Felipe VI pagó 12,50 € por 5 km, p. ej. el 3,5 % de 1.234 (24/7), tel. 912 345 678.",
    "it": "Il 24/12/1998 alle 14:30 Luigi XIV pagò 12,50 € per 5 km, ad es. il 3,5 % di 1.234 (24/7), tel. 335 1234567.",
    "pt": "Em 24/12/1998 às 14h30 João VI pagou R$ 12,50 por 5 km, p. ex. 3,5 % de 1.234 (24/7), tel. (11) 91234-5678.",
    "ru": "24.12.1998 г. в 14:30 Пётр I заплатил 12,50 ₽ за 5 км, т. е. 3,5 % от 1 234 (24/7), тел. 8 (800) 555-35-35.",
}
WORDS = {
    "de": "Die Art. Das Kap. Max und Nr, ca und St; Mai, Sept oder Jan waren da. I, V und X, C und M.",
    "fr": "Il y a un vol. L'art est long. Me voici, ch et Pr; M ou M. I, V et X, le mars et le mai.",
    "es": "La fig es un higo. No. Es el cap, y la mar; ene, dic. El Sr López. I, V y X.",
    "it": "Il set è finito. On, pag e cap; la mag. Il mar nero. I, V e X, mln o mld.",
    "pt": "Nos set e out. O art e a fig; mi, bi e tri. A Av é longa. I, V e X.",
    "ru": "Т да Т. Ул пчёл, г и т, см и мм, д и п. В и С, I и V.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_nothing_of_a_usual_sentence_is_left_in_digits(language: str) -> None:
    """Dates, times, kings, money, units, percent, abbreviations and telephone numbers of one sentence leave no digit."""
    reading = read(SENTENCES[language], language)

    assert not any(character.isdecimal() or character in "€$%₽/" for character in reading.text)
    assert reading.warnings == ()
    assert read(reading.text, language).text == reading.text


@pytest.mark.parametrize("language", WORDS)
def test_what_could_be_a_word_stays(language: str) -> None:
    """Abbreviations, units, months and roman numerals are read only beside something that makes them certain."""
    assert read(WORDS[language], language).text == WORDS[language]


@pytest.mark.parametrize("language", REGIONS)
def test_no_text_of_digits_and_signs_is_an_error(language: str) -> None:
    """Any text of digits and signs can be read, and its spans cover the reading."""
    random = Random(0)  # noqa: S311
    pieces = [
        *"0123456789" * 3,
        *".,:/-–'’ \u00a0%€$£°²½#&@+=×§()\"",
        "XIV",
        "I",
        "km",
        "mars",
        "maggio",
        "мая",
        " г.",
        "-й",
        "h",
        "º",
        "www.",
    ]

    for _ in range(300):
        text = "".join(random.choices(pieces, k=random.randrange(1, 20)))
        reading = read(text, language)

        assert "".join(reading.text[span.start : span.end] for span in reading.spans) == reading.text


@pytest.mark.parametrize(
    ("language", "code"), [("fr-CA", "fr"), ("fr-ch", "fr-CH"), ("es-CO", "es-AR"), ("pt-AO", "pt-PT"), ("de-AT", "de")]
)
def test_a_region_without_rules_of_its_own_has_those_of_the_nearest(language: str, code: str) -> None:
    """A region without rules of its own uses the nearest region's, in upper or lower case."""
    rules = rules_of(language)

    assert rules is not None
    assert rules.code == code


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("de", "{+|plus }{5|fünf} Grad"),
        (
            "fr",
            "{3 x 4|trois fois quatre}, {192.168.0.1|un neuf deux point un six huit point zéro point un}",
        ),
        ("es", "{120/80|ciento veinte a ochenta}, {12 €|doce euros}{/| por }kg"),
        ("it", "{5²|cinque al quadrato}, {10^6|dieci alla sei}, x{²| al quadrato}"),
        ("pt", "{25/12|vinte e cinco de dezembro}, {R$ 10 mil|dez mil reais}, {3x1|três a um}"),
        ("ru", "{3:2|три два}, {50/50|пятьдесят на пятьдесят}, {#|хэштег }чай"),
    ],
)
def test_signs_between_numbers_are_read(language: str, marked: str) -> None:
    """Signs between numbers are read: products, powers, scores, prices per kilogram, hashtags."""
    assert marked_by(language, text_of(marked)) == marked
