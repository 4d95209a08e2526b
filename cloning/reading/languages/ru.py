"""
Russian.

Gender and case of a number come from the words around it: 'двадцать одна книга', 'около пяти минут', 'в пяти городах'. Years are
ordinals before a form of 'год' and after prepositions without a noun; dates are in the genitive but after 'к', 'на' and 'по'.
"""

import re
from collections.abc import Iterator

from cloning.reading.classes import ends_sentence
from cloning.reading.codes import phones
from cloning.reading.european import european, is_part, over, word_before, words_after
from cloning.reading.grammar import END, SPACE, START, Grammar, Noun, any_of
from cloning.reading.languages.russian.cases import (
    CARDINALS,
    Russian,
    counted_in_genitive,
    form_by_context,
    is_genitive,
    plural,
)
from cloning.reading.languages.russian.written import words_with_numbers
from cloning.reading.languages.tables import ru as table
from cloning.reading.numbers import Amount
from cloning.reading.rules import LanguageRules, Rule, keeping_stops, rule

_DASH = "[-–—]"
_YEAR = r"(?:1\d|20)\d\d"
_YEAR_FORMS = {
    "год": "m", "года": "m-genitive", "году": "m-dative", "годом": "m-ablative", "годы": "m", "годов": "m-genitive",
    "годам": "m-dative", "годах": "m-locative", "годами": "m-ablative",
}  # fmt: skip
_LAST_ORDINAL = 100
_PARTS = {3: ("треть", "трети"), 4: ("четверть", "четверти")}
_MONTH = any_of(table.MONTH_NAMES)


def _year_form(match: re.Match[str], word: str) -> str:
    """The case of a year before that form of 'год' ('': none follows)."""
    before = word_before(match).lower()
    if word == "году" and before in {*table.LOCATIVE, "на"}:
        return "m-locative"
    return _YEAR_FORMS[word] if word else _year_case(before)


def _year_case(before: str) -> str:
    if before in table.LOCATIVE:
        return "m-locative"
    if before in table.DATIVE:
        return "m-dative"
    return "m-genitive" if before in {*table.GENITIVE, "с", "со"} else "m"


def _in_context(match: re.Match[str], count: Amount) -> str | None:
    if count.fraction or count.is_negative or match.group().startswith("0"):
        return None
    return (
        _as_year(match, count.whole)
        or _as_ordinal(match, count.whole)
        or GRAMMAR.cardinal(count.whole, form_by_context(match, count.whole))
    )


def _as_year(match: re.Match[str], number: int) -> str | None:
    word = words_after(match)[0].lower()
    if word != "году" and not re.fullmatch(_YEAR, match.group()):
        return None
    if word in _YEAR_FORMS:
        return GRAMMAR.ordinal(number, _year_form(match, word))
    rest = match.string[match.end() : match.end() + 30]
    is_year = re.match(rf" (?:и|по|до|или) {_YEAR} (?:год|гг?\.)", rest) or not word
    form = _year_case(word_before(match).lower())
    return GRAMMAR.ordinal(number, form) if is_year and form != "m" else None


def _as_ordinal(match: re.Match[str], number: int) -> str | None:
    """'5 класс', 'на 3 месте': what is counted would stand in another form."""
    noun = words_after(match)[0].lower()
    if noun in table.ORDINAL_NOUNS and number <= _LAST_ORDINAL:
        return GRAMMAR.ordinal(number, table.ORDINAL_NOUNS[noun])
    is_in = word_before(match).lower() in {"в", "во", "на", "о"}
    if not is_in or not noun.endswith("е") or noun in table.NO_NOUNS or number > _LAST_ORDINAL:
        return None
    return GRAMMAR.ordinal(number, "f-locative" if noun in table.LOCATIVE_FEMININE else "m-locative")


_SHORT_YEARS = {
    "m-locative": ("году", "годах"),
    "m-dative": ("году", "годам"),
    "m": ("год", "годы"),
    "m-genitive": ("года", "годов"),
}


def _short_years() -> Iterator[Rule]:
    """2024 г., 1998–2004 гг., 1941–1945 годы."""

    def read(match: re.Match[str]) -> str | None:
        before = word_before(match).lower()
        is_sure = match.group().endswith(".") or before in {
            *table.LOCATIVE,
            *table.DATIVE,
            "с",
            "до",
            "от",
            "после",
            "по",
        }
        if before in table.MONTH_NAMES or not is_sure:
            return None
        form = "m" if before in ("по", "за", "на") or not before else _year_case(before)
        form = "m-genitive" if form == "m" and before not in ("по", "за", "на", "") else form
        said = GRAMMAR.ordinal(int(match["year"]), form)
        is_end = match.group().endswith(".") and ends_sentence(match)
        return f"{said} {_SHORT_YEARS[form][len(match['word']) - 1]}" + ("." if is_end else "")

    yield rule("year", rf"{START}(?P<year>{_YEAR}){SPACE}?(?P<word>гг?)(?:\.|(?!\w))", read)

    def read_range(match: re.Match[str]) -> str:
        word = (match["word"] or "").strip()
        form = _YEAR_FORMS.get(word) or _year_case(word_before(match).lower())
        said = " – ".join(GRAMMAR.ordinal(int(match[one]), form) for one in ("first", "last"))
        if not word.startswith("г") or word in _YEAR_FORMS:
            return said + (match["word"] or "")
        return f"{said} {_SHORT_YEARS[form][1]}" + ("." if ends_sentence(match) else "")

    word = rf"(?P<word>{SPACE}?гг\.|{SPACE}(?:{any_of(_YEAR_FORMS)})(?!\w))?"
    yield rule("year", rf"{START}(?P<first>{_YEAR}){SPACE}?{_DASH}{SPACE}?(?P<last>{_YEAR})(?:{word}){END}", read_range)
    yield rule("year", rf"(?<=\d{{4}}){SPACE}?г\.", lambda match: " года" + ("." if ends_sentence(match) else ""))


def _dated(match: re.Match[str], day: int, month: int, year: int | None) -> str:
    said = f"{GRAMMAR.ordinal(day, _day_form(match))} {table.MONTHS[month - 1][0]}"
    if year is None:
        return said
    is_named = re.match(rf"{SPACE}?(?:года|г\.)", match.string[match.end() : match.end() + 6])
    return f"{said} {GRAMMAR.ordinal(year, 'm-genitive')}{'' if is_named else ' года'}"


def _day_form(match: re.Match[str]) -> str:
    before = word_before(match).lower()
    if before in table.DATIVE:
        return "n-dative"
    return "n" if before in ("на", "по", "за", "сегодня", "завтра", "вчера", "было", "будет", "это") else "n-genitive"


def _days() -> Iterator[Rule]:
    """3–5 марта, 3 и 4 марта, с 3 по 5 марта."""

    def read(match: re.Match[str]) -> str:
        return " – ".join(GRAMMAR.ordinal(int(match[one]), _day_form(match)) for one in ("first", "last"))

    pattern = rf"{START}(?P<first>\d{{1,2}}){SPACE}?{_DASH}{SPACE}?(?P<last>\d{{1,2}})(?={SPACE}{_MONTH}(?!\w))"
    yield rule("date", pattern, read)
    pattern = rf"{START}(?P<day>\d{{1,2}})(?=(?: и | или | по | до |, )\d{{1,2}}{SPACE}{_MONTH}(?!\w))"
    yield rule("date", pattern, lambda match: GRAMMAR.ordinal(int(match["day"]), _day_form(match)))


def _time(hour: int, minute: int, second: int | None, _: str) -> str:
    said = f"{GRAMMAR.cardinal(hour)} {_minutes(minute)}"
    return f"{said} {_minutes(second)}" if second is not None else said


def _minutes(minute: int) -> str:
    if minute == 0:
        return "ноль-ноль"
    return GRAMMAR.cardinal(minute) if minute > len("ноль пять") else f"ноль {GRAMMAR.cardinal(minute)}"


def _hours() -> Iterator[Rule]:
    """В 14.30."""
    before = r"(?:(?<=\b[Вв] )|(?<=\b[Дд]о )|(?<=\b[Сс] )|(?<=\b[Кк] ))"
    pattern = rf"{before}(?P<hour>[01]?\d|2[0-3])\.(?P<minute>[0-5]\d){END}"
    yield rule("time", pattern, lambda match: _time(int(match["hour"]), int(match["minute"]), None, ""))


def _fraction(top: int, bottom: int) -> str | None:
    if not is_part(top, bottom):
        return over(GRAMMAR, top, bottom, "на")
    one, many = _PARTS.get(bottom) or (GRAMMAR.ordinal(bottom, "f"), GRAMMAR.ordinal(bottom, "p-genitive"))
    return f"{GRAMMAR.cardinal(top, 'f')} {one if top == 1 else many}"


def _phone_group(digits: str) -> str:
    """Groups are read as numbers: 'четыреста девяносто пять'."""
    zeros = len(digits) - len(digits.lstrip("0"))
    if len(digits) > len("495") or zeros == len(digits):
        return GRAMMAR.digits(digits)
    return " ".join(["ноль"] * zeros + [GRAMMAR.cardinal(int(digits))])


def _phones() -> Iterator[Rule]:
    """8 (800) 555-35-35, 123-45-67."""

    def read(match: re.Match[str]) -> str:
        plus = "плюс " if match.group().startswith("+") else ""
        return plus + ", ".join(_phone_group(one) for one in re.findall(r"\d+", match.group()))

    number = r"\d{3}[ -]?\d\d[ -]?\d\d"
    yield rule("phone", rf"(?<![\w+])(?:\+7|8)[ -]?\(?\d{{3}}\)?[ -]?{number}{END}", read)
    yield rule("phone", rf"{START}\d{{3}}-\d\d-\d\d{END}", read)
    yield from phones(GRAMMAR)


def _spoons() -> Iterator[Rule]:
    """1/2 ч. л., ½ ст. л."""
    spoons = {"ч": "чайной", "ст": "столовой"}
    pattern = rf"{START}(?<!\d{SPACE})(?:1/2|½){SPACE}?(?P<spoon>ч|ст)\.{SPACE}?л\."
    yield rule("unit", pattern, lambda match: f"половина {spoons[match['spoon']]} ложки")


def _amounts() -> Iterator[Rule]:
    """Около 5 км, до 10 %, от 100 ₽: numbers and nouns in the genitive."""
    g = GRAMMAR
    nouns = {**{sign: one.whole for sign, one in g.currencies.items()}, "%": g.percent, **g.units}

    def read(match: re.Match[str]) -> str | None:
        if not is_genitive(match):
            return None
        said = counted_in_genitive(g, g.parsed(match["count"]), nouns[match["noun"]])
        return f"{said} {g.currencies[match['sign']].whole.forms[-1]}" if match["sign"] else said

    sign = rf"(?:{SPACE}?(?P<sign>{any_of(g.currencies)}))?"
    yield rule("unit", rf"{START}{g.number('count')}{SPACE}?(?P<noun>{any_of(nouns)})(?!\w){sign}(?!\w)", read)


def _ranges() -> Iterator[Rule]:
    """10–20 минут, 5–10 км, 1–2 недели."""
    g = GRAMMAR
    nouns = {**{sign: one.whole for sign, one in g.currencies.items()}, "%": g.percent, **g.units}

    def read(match: re.Match[str]) -> str | None:
        first, last = g.parsed(match["first"]), g.parsed(match["last"])
        if first.fraction or last.fraction or (match["dash"] == "-" and first.whole >= last.whole):
            return None
        if not match["noun"]:
            forms = [form_by_context(match, one.whole) for one in (first, last)]
            return f"{g.cardinal(first.whole, 'f' if forms[1] == 'f' else forms[0])}-{g.cardinal(last.whole, forms[1])}"
        noun = nouns[match["noun"]]
        is_case = is_genitive(match)
        said = counted_in_genitive(g, last, noun) if is_case else g.counted(last, noun)
        return f"{g.amount(first, noun.gender + '-genitive' if is_case else noun.gender)}-{said}"

    tail = rf"(?:{SPACE}?(?P<noun>{any_of(nouns)})(?!\w)|{END})"
    dash = rf"{SPACE}?(?P<dash>{_DASH}){SPACE}?"
    yield rule("range", rf"{START}{g.number('first')}{dash}{g.number('last')}{tail}", read)


GRAMMAR: Grammar = Russian(
    code="ru",
    point="запятая",
    groups=" \u00a0\u202f\u2009",
    cardinals=CARDINALS,
    plural=plural,
    minus="минус",
    plus="плюс",
    percent=Noun(("процент", "процента", "процентов"), "m"),
    permille=Noun(("промилле",), "n"),
    currencies=table.CURRENCIES,
    scales=table.SCALES,
    units={**table.UNITS, **table.SCALES},
    months=table.MONTHS,
    dated=_dated,
    time=_time,
    fraction=_fraction,
    half_more=lambda whole: "полтора" if whole == 1 else f"{GRAMMAR.cardinal(whole)} с половиной",
    and_a_half=" и ",
    signs=table.SIGNS,
    number_signs=table.NUMBER_SIGNS,
    url_words=table.URL_WORDS,
    version="версия",
    version_point="точка",
    abbreviations=table.ABBREVIATIONS,
    final_abbreviations=table.FINAL,
    in_context=_in_context,
    phone_group=_phone_group,
)
_ALL = (
    *_short_years(),
    *_days(),
    *_phones(),
    *_hours(),
    *_spoons(),
    *words_with_numbers(GRAMMAR),
    *_amounts(),
    *_ranges(),
    *european(GRAMMAR, table.EXTRAS),
)
RULES = LanguageRules("ru", tuple(keeping_stops(_ALL, (*GRAMMAR.units, *GRAMMAR.currencies), ends_sentence)))
