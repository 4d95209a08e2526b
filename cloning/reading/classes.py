"""
Classes of writing that European languages share, as rules made from a language's `Grammar`.

`standard` has all of them, the more special ones first; a language puts its own rules before them or takes single ones. A class
whose table is empty gives no rule.
"""

import re
from collections.abc import Callable, Iterator

from cloning.reading.calendar import dates, times
from cloning.reading.codes import addresses, codes, phones, versions
from cloning.reading.grammar import END, SPACE, START, Currency, Grammar, any_of, lost_dot
from cloning.reading.numbers import Amount, roman
from cloning.reading.rules import Rule, rule

_DASH = "[-–—‒]"


def standard(grammar: Grammar) -> tuple[Rule, ...]:
    """Every class that the grammar has words for."""
    classes: tuple[Callable[[Grammar], Iterator[Rule]], ...] = (
        addresses, abbreviations, versions, dates, times, phones, money, ranges, percentages, units, ordinals, fractions, romans,
        number_signs, cardinals, codes, signs,
    )  # fmt: skip
    return tuple(rule for one in classes for rule in one(grammar))


def abbreviations(g: Grammar) -> Iterator[Rule]:
    """Those of the table, as written there."""
    if g.abbreviations:
        pattern = rf"(?<![\w.]){any_of(g.abbreviations)}(?!\w)"
        yield rule("abbreviation", pattern, lambda match: g.abbreviations[match.group()] + _full_stop(g, match))


_SENTENCE_END = re.compile(r"[\"'»”“’)]{0,3}\s{0,3}(?:\Z|\n|(?<=\s)[^\W\d_a-zß-öø-ÿа-яё])")


def _full_stop(g: Grammar, match: re.Match[str]) -> str:
    """The dot of an abbreviation if a sentence ends there."""
    is_end = match.group() in g.final_abbreviations and ends_sentence(match)
    return "." if is_end else lost_dot(match)


def ends_sentence(match: re.Match[str]) -> bool:
    """Whether the dot at the end of a match ends a sentence too."""
    return bool(_SENTENCE_END.match(match.string, match.end()))


def money(g: Grammar) -> Iterator[Rule]:
    """$12.50, 12,50 €, 5 Mio. €, CHF 20, $5–10."""
    if not g.currencies:
        return
    sign, scale = any_of(g.currencies), _scale(g)

    def read(match: re.Match[str]) -> str:
        currency = g.currencies[match["sign"]]
        count = g.parsed(match["count"])
        if match["minus"]:
            count = count._replace(is_negative=True)
        if not match["scale"]:
            return paid(g, count, currency)
        return f"{g.counted(count, g.scales[match['scale']])} {g.after_scale(currency.whole.forms[-1])}"

    def read_range(match: re.Match[str]) -> str | None:
        if not _is_range(g, match["first"], match["count"], match["dash"]):
            return None
        first = g.amount(g.parsed(match["first"]), g.currencies[match["sign"]].whole.gender)
        return f"{first} {g.to} {read(match)}"

    is_of_number_before = rf"(?<=\d{SPACE}){sign}{SPACE}"  # 50 € 3 times
    before = rf"(?<!\w)(?!{is_of_number_before})(?P<minus>[-−]?)(?P<sign>{sign}){SPACE}?"
    after = rf"{SPACE}?(?P<sign>{sign})(?!\w)"
    first = rf"{g.number('first')}{SPACE}?(?P<dash>{_DASH}){SPACE}?"
    if g.to:
        yield rule("money", rf"{before}{first}(?:(?P=sign))?{g.number('count')}{scale}{END}", read_range)
        yield rule("money", rf"(?P<minus>){START}{first}{g.number('count')}{scale}{after}", read_range)
    yield rule("money", rf"{before}{g.number('count')}{scale}{END}", read)
    yield rule("money", rf"(?P<minus>){START}{g.number('count')}{scale}{after}", read)


def _scale(g: Grammar) -> str:
    """'Million' or 'M' after a number; a single letter only beside it or the sign: $5M, 5 M€, but a $5 T-shirt."""
    return (
        rf"(?:(?:(?:{SPACE}|-)(?=\w\w|\w{SPACE}?{any_of(g.currencies)}))?(?P<scale>{any_of(g.scales)})(?!\w))?"
        if g.scales
        else "(?P<scale>)"
    )


_CENTS = 2
"""So many digits after the decimal sign are hundredth parts."""


def paid(g: Grammar, count: Amount, currency: Currency) -> str:
    """An amount of money; two digits after the decimal sign are cents."""
    if len(count.fraction) != _CENTS or currency.cent is None:
        return g.counted(count, currency.whole)
    whole = count._replace(fraction="")
    cents = Amount(str(int(count.fraction)))
    if not cents.whole:
        return g.counted(whole, currency.whole)
    small = g.counted(cents, currency.cent)
    if not whole.whole:
        return f"{g.minus} {small}" if count.is_negative else small
    return g.counted(whole, currency.whole) + g.joint + (small if g.are_cents_named else g.cardinal(cents.whole))


def _is_range(g: Grammar, first: str, last: str, dash: str) -> bool:
    """Whether these are the ends of a range; with a hyphen only if it goes up."""
    low, high = g.parsed(first), g.parsed(last)
    if high.is_negative:
        return False
    return dash != "-" or float(f"{low.digits}.{low.fraction or 0}") < float(f"{high.digits}.{high.fraction or 0}")


def ranges(g: Grammar) -> Iterator[Rule]:
    """5–10, 10-15 %, 3%–5%; two numbers like years are read as years."""
    if not g.to:
        return

    def read_years(match: re.Match[str]) -> str | None:
        first, last = match["first"], match["last"]
        return f"{g.said_year(int(first))} {g.to} {g.cardinal(int(last))}" if last > first[2:] else None

    yield rule("range", rf"{START}(?P<first>1[1-9]\d\d|20\d\d){_DASH}(?P<last>\d\d){END}", read_years)
    nouns = {**({"%": g.percent} if g.percent.forms[0] else {}), **g.units}

    def read(match: re.Match[str]) -> str | None:
        first, last = g.parsed(match["first"]), g.parsed(match["last"])
        are_codes = first.digits.startswith("0") != last.digits.startswith("0")
        if are_codes or not _is_range(g, match["first"], match["last"], match["dash"]):
            return None
        if match["twice"] not in (None, match["unit"]):
            return None
        if match["unit"]:
            noun = nouns[match["unit"]]
            return f"{g.amount(first, noun.gender)} {g.to} {g.counted(last, noun)}"
        if all(re.fullmatch("1[1-9]\\d\\d|20\\d\\d", match[one]) for one in ("first", "last")):
            return f"{g.said_year(first.whole)} {g.to} {g.said_year(last.whole)}"
        return f"{g.amount(first)} {g.to} {g.amount(last)}"

    dash = rf"{SPACE}?(?P<dash>{_DASH}){SPACE}?"
    tail = rf"(?:{SPACE}?(?P<unit>{any_of(nouns)})(?!\w)|{END})" if nouns else rf"(?P<unit>){END}"
    twice = rf"(?:{SPACE}?(?P<twice>{any_of(nouns)}))?" if nouns else "(?P<twice>(?!))?"
    yield rule("range", rf"{START}{g.number('first')}{twice}{dash}{g.number('last')}{tail}", read)


def percentages(g: Grammar) -> Iterator[Rule]:
    """5 %, 0,5‰."""
    nouns = {sign: noun for sign, noun in (("%", g.percent), ("‰", g.permille)) if noun.forms[0]}
    if nouns:
        pattern = rf"{START}{g.number('count')}{SPACE}?(?P<sign>[{''.join(nouns)}])(?!\w)"
        yield rule("percent", pattern, lambda match: g.counted(g.parsed(match["count"]), nouns[match["sign"]]))


UNIT_DOT = rf"(?:\.(?=[,;:)]|{SPACE}[a-zß-öø-ÿа-яё]))?"
"""The dot of an abbreviated unit, where no sentence ends."""


def units(g: Grammar) -> Iterator[Rule]:
    """5 km, 20 °C."""
    if g.units:
        pattern = rf"{START}{g.number('count')}{SPACE}?(?P<unit>{any_of(g.units)})(?!\w|['’]\w){UNIT_DOT}"
        yield rule("unit", pattern, lambda match: g.counted(g.parsed(match["count"]), g.units[match["unit"]]))


def ordinals(g: Grammar) -> Iterator[Rule]:
    """1st, 2.º, 3ème."""
    if g.ordinal_marks:
        pattern = rf"{START}(?P<count>\d{{1,6}})(?P<mark>{any_of(g.ordinal_marks)})(?!\w)"
        yield rule("ordinal", pattern, lambda match: g.ordinal(int(match["count"]), g.ordinal_marks[match["mark"]]))


VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6),
    "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
}  # fmt: skip


def fractions(g: Grammar) -> Iterator[Rule]:
    """1/2, 3 1/2, ¾, 2½."""
    of = g.fraction
    if of is None:
        return

    def read(match: re.Match[str]) -> str | None:
        top, bottom = VULGAR[match["vulgar"]] if match["vulgar"] else (int(match["top"]), int(match["bottom"]))
        if match["whole"] and (top, bottom) == (1, 2) and g.half_more:
            return g.half_more(int(match["whole"]))
        words = of(top, bottom) if bottom > 1 else None
        return f"{g.cardinal(int(match['whole']))}{g.and_a_half}{words}" if words and match["whole"] else words

    slash = "[/⁄]"
    yield rule(
        "fraction",
        rf"{START}(?:(?P<whole>\d{{1,4}}){SPACE}?)?(?P<vulgar>[{''.join(VULGAR)}])(?P<top>)(?P<bottom>){END}",
        read,
    )
    yield rule(
        "fraction",
        rf"{START}(?:(?P<whole>\d{{1,4}}){SPACE})?(?P<top>\d{{1,2}}){slash}(?P<bottom>\d{{1,3}})(?P<vulgar>){END}(?!{slash})",
        read,
    )


def romans(g: Grammar) -> Iterator[Rule]:
    """Roman numerals after the words of the table: Louis XIV, Chapter IV."""
    for words, gender in g.romans.items():

        def read(match: re.Match[str], gender: str | None = gender) -> str | None:
            value = roman(match["numeral"])
            if value is None or match["numeral"] in "LCDM":
                return None
            said = g.cardinal(value) if gender is None else g.ordinal(value, gender)
            return f"{match['name']}{g.roman_joint if gender is not None else ' '}{said}"

        yield rule("roman", rf"(?<!\w)(?P<name>{words}){SPACE}(?P<numeral>[IVXLCDM]{{1,12}})(?!\w)", read)


def number_signs(g: Grammar) -> Iterator[Rule]:
    """№ 5, § 12; whatever is read of the number."""
    if g.number_signs:
        sign = rf"(?<!\w)(?P<sign>{any_of(g.number_signs)}){SPACE}?"
        yield rule(
            "sign",
            rf"{sign}{g.number('count')}{END}",
            lambda match: f"{g.number_signs[match['sign']]} {g.amount(g.parsed(match['count']))}",
        )
        before = rf"(?<!\w)(?P<sign>{any_of(g.number_signs)})(?={SPACE}?\d)"
        yield rule("sign", before, lambda match: g.number_signs[match["sign"]] + _space_before_digit(match))


def _space_before_digit(match: re.Match[str]) -> str:
    return " " if match.string[match.end()].isdecimal() else ""


def cardinals(g: Grammar) -> Iterator[Rule]:
    """Numbers and decimals that are nothing else; long rows of digits one by one."""

    def read(match: re.Match[str]) -> str:
        count = g.parsed(match["count"])
        return (g.in_context(match, count) if g.in_context else None) or g.amount(count)

    yield rule("cardinal", rf"{START}{g.number('count')}{END}", read)
    yield rule("cardinal", rf"{START}\d{{16,}}{END}", lambda match: g.digits(match.group()))


def signs(g: Grammar) -> Iterator[Rule]:
    """+, =, & and the like between spaces, or between numbers."""
    if g.signs:
        sign = any_of(g.signs)
        pattern = rf"(?<=\s){sign}(?=\s)|(?<=\d){sign}(?=\d)"
        yield rule("sign", pattern, lambda match: _spaced(match, g.signs[match.group()]))


def _spaced(match: re.Match[str], words: str) -> str:
    text, start, end = match.string, match.start(), match.end()
    before = "" if start and text[start - 1].isspace() else " "
    after = "" if end < len(text) and text[end].isspace() else " "
    return before + words + after
