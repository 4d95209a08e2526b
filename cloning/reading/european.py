"""Rules that some European languages add to `cloning.reading.classes`, and what these rules need of the words around a number."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cloning.reading.classes import VULGAR, paid, standard
from cloning.reading.grammar import END, SPACE, START, Currency, Grammar, Noun, any_of
from cloning.reading.neighbours import word_before, words_after
from cloning.reading.numbers import Amount, amount, roman
from cloning.reading.rules import Rule, rule

_PARTS = frozenset((*range(2, 17), 20, 32, 64, 100, 1000))
"""What things are cut into."""
_MONTHS, _LAST_DAY, _HOURS = 12, 31, 24
_LAST_ORDINAL = 10
"""Kings and centuries beyond it have cardinals in Spanish and Portuguese."""


@dataclass(frozen=True)
class Iberian(Grammar):
    """Spanish and Portuguese: 'Felipe sexto' but 'Alfonso trece'. The genders 'king' and 'queen' mark such an ordinal."""

    def ordinal(self, number: int, gender: str = "") -> str:
        is_name = gender in ("king", "queen")
        return self.cardinal(number) if is_name and number > _LAST_ORDINAL else super().ordinal(number, gender)


def nouns(table: Mapping[str, str], gender: str = "") -> dict[str, Noun]:
    """Nouns by their written forms, the spoken ones separated by a slash: {'km': 'chilometro/chilometri'}."""
    return {sign: Noun(tuple(forms.split("/")), gender) for sign, forms in table.items()}


def currencies(table: Mapping[str, tuple[str, ...]]) -> dict[str, Currency]:
    """
    Currencies by all their written forms: {'€ EUR euro euros': ('m', 'euro/euros', 'm', 'centime/centimes')}.

    Gender and forms of the whole, then of the cents if there are any.
    """
    return {sign: _currency(*words) for signs, words in table.items() for sign in signs.split()}


def _currency(gender: str, forms: str, cent_gender: str = "", cents: str = "") -> Currency:
    cent = Noun(tuple(cents.split("/")), cent_gender) if cents else None
    return Currency(Noun(tuple(forms.split("/")), gender), cent)


def words(text: str) -> frozenset[str]:
    """A table of words, separated by spaces."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Extras:
    """Words for which a `Grammar` has no place."""

    foot: Noun
    inch: Noun
    score: str
    """Between the goals of a game, and between two numbers that a slash parts and that are no fraction."""
    point: str
    """For a decimal point where the language writes a comma."""
    powers: Mapping[str, str]
    """'²', '³' and '^' after a number."""
    per: str
    """For the slash of '5 €/kg'."""
    half: Mapping[str, str]
    """Before a unit by its gender ('': any other): 'mezzo chilogrammo', 'mezza tonnellata'."""
    of: str
    """Between other fractions and a unit: 'tre quarti di litro'."""
    unit_form: int = 0
    """Which form of a unit stands after a fraction."""
    score_signs: str = "[:/–-]"
    hashtag: str = "hashtag"


def european(g: Grammar, extras: Extras) -> tuple[Rule, ...]:
    """The standard classes, with what these languages add before and after them."""
    before = (*_feet(g, extras), *_powers(g, extras), *_products(g), *_fractions_of_units(g, extras), *_hours(g))
    after = (*_scores(g, extras), *_points(g, extras.point), *_between(g, extras), *_volumes(g), *_codes(g))
    return (*before, *standard(g), *after)


def is_part(top: int, bottom: int) -> bool:
    """Whether 'top/bottom' is a fraction, not two numbers like 50/50 and 120/80."""
    return bottom in _PARTS and top < 2 * bottom and top != bottom


def over(g: Grammar, top: int, bottom: int, word: str) -> str:
    """Two numbers with a word for the slash."""
    return " ".join(part for part in (g.cardinal(top), word, g.cardinal(bottom)) if part)


def day_of_month(g: Grammar, day: int, month: int) -> str | None:
    """25/12 as a date, if it is none other: its first number must be too large for a month."""
    is_one = _MONTHS < day <= _LAST_DAY and 0 < month <= _MONTHS
    return g.date(day, month, None) if is_one and g.date else None


def round_sums(g: Grammar, thousand: str) -> Iterator[Rule]:
    """R$ 10 mil: thousands take no 'de'."""

    def read(match: re.Match[str]) -> str:
        return f"{g.amount(g.parsed(match['count']))} {thousand} {g.currencies[match['sign']].whole.forms[-1]}"

    pattern = rf"(?<!\w)(?P<sign>{any_of(g.currencies)}){SPACE}?{g.number('count')}{SPACE}{thousand}(?!\w)"
    yield rule("money", pattern, read)


def _feet(g: Grammar, extras: Extras) -> Iterator[Rule]:
    """5'10", 6′2″."""

    def read(match: re.Match[str]) -> str:
        parts = ((match["feet"], extras.foot), (match["inches"], extras.inch))
        return " ".join(g.counted(Amount(count), noun) for count, noun in parts)

    yield rule("unit", rf"{START}(?P<feet>\d)['’′](?P<inches>1[01]|\d)(?:[\"”″]|'')", read)


def _powers(g: Grammar, extras: Extras) -> Iterator[Rule]:
    """5², 10^3."""

    def read(match: re.Match[str]) -> str:
        power = extras.powers[match["sign"]] + (f" {g.cardinal(int(match['power']))}" if match["power"] else "")
        return f"{g.amount(g.parsed(match['count']))} {power}"

    yield rule("power", rf"{START}{g.number('count')}(?P<sign>[²³]|\^(?=\d))(?P<power>(?<=\^)\d{{1,3}})?{END}", read)


def _fractions_of_units(g: Grammar, extras: Extras) -> Iterator[Rule]:
    """1/2 kg, ¾ l, 2½ km."""

    def read(match: re.Match[str]) -> str | None:
        noun = g.units[match["unit"]]
        top, bottom = VULGAR[match["vulgar"]] if match["vulgar"] else (int(match["top"]), int(match["bottom"]))
        is_half = (top, bottom) == (1, 2)
        if match["whole"]:
            form = min(max(1, g.plural(Amount(match["whole"]))), len(noun.forms) - 1)
            return f"{g.half_more(int(match['whole']))} {noun.forms[form]}" if is_half and g.half_more else None
        if is_half:
            return f"{extras.half.get(noun.gender, extras.half[''])} {noun.forms[extras.unit_form]}"
        words = g.fraction(top, bottom) if g.fraction and is_part(top, bottom) else None
        return words and f"{words}{extras.of}{noun.forms[extras.unit_form]}"

    whole = rf"(?:(?P<whole>\d{{1,3}})(?:{SPACE}|(?=[{''.join(VULGAR)}])))?"
    fraction = rf"(?:(?P<vulgar>[{''.join(VULGAR)}])|(?P<top>\d{{1,2}})/(?P<bottom>\d{{1,2}}))"
    yield rule("unit", rf"{START}{whole}{fraction}{SPACE}?(?P<unit>{any_of(g.units)})(?!\w|['’]\w)", read)


def _products(g: Grammar) -> Iterator[Rule]:
    """3 x 4, 1920x1080."""

    def read(match: re.Match[str]) -> str:
        return f" {g.signs['×']} ".join(g.cardinal(int(one)) for one in re.findall(r"\d+", match.group()))

    yield rule("product", rf"{START}\d{{1,5}}(?:{SPACE}?x{SPACE}?\d{{1,5}}){{1,2}}{END}", read)


def _hours(g: Grammar) -> Iterator[Rule]:
    """9:00–18:00, 9h-18h30."""
    if g.time is None:
        return
    said, sign = g.time, f"[{re.escape(g.time_signs)}]"
    marks = f"(?:{SPACE}?{any_of(g.time_marks)}(?!\\w))?" if g.time_marks else ""

    def read(match: re.Match[str]) -> str | None:
        hours = (
            (int(match["hour"]), int(match["minute"] or 0)),
            (int(match["last_hour"]), int(match["last_minute"] or 0)),
        )
        if any(hour > _HOURS for hour, _ in hours):
            return None
        first, last = (said(hour, minute, None, "") for hour, minute in hours)
        return f"{first} {g.to or '–'} {last}"

    one, two = (rf"(?P<{name}hour>\d{{1,2}}){sign}(?P<{name}minute>[0-5]\d)?" for name in ("", "last_"))
    yield rule("time", rf"{START}{one}{SPACE}?[-–—]{SPACE}?{two}{marks}(?!\w)(?![.:,]?\d)", read)


def _volumes(g: Grammar) -> Iterator[Rule]:
    """Vol. II, cap. IV."""
    signs = [sign for sign in g.number_signs if sign.endswith(".")]

    def read(match: re.Match[str]) -> str | None:
        number = roman(match["numeral"])
        is_letter = match["numeral"] in "LC"
        return f"{g.number_signs[match['sign']]} {g.cardinal(number)}" if number and not is_letter else None

    if signs:
        yield rule("roman", rf"(?<!\w)(?P<sign>{any_of(signs)}){SPACE}(?P<numeral>[IVXLC]{{1,7}})(?!\w)", read)


def _codes(g: Grammar) -> Iterator[Rule]:
    """978-3-16-148410-0: what no other class has, in groups."""

    def read(match: re.Match[str]) -> str:
        return ", ".join(_group(g, one) for one in match.group().split("-"))

    yield rule("code", rf"{START}\d{{1,7}}(?:-\d{{1,7}}){{1,6}}{END}", read)


def _group(g: Grammar, digits: str) -> str:
    is_short = len(digits) <= len("12") and not digits.startswith("0")
    return g.cardinal(int(digits)) if is_short else g.digits(digits)


def _scores(g: Grammar, extras: Extras) -> Iterator[Rule]:
    """3:2, 3-1, 120/80."""
    pattern = rf"{START}(?P<home>\d{{1,2}}|\d{{3}}(?=/)){extras.score_signs}(?P<guests>\d{{1,2}}|(?<=/)\d{{3}}){END}"
    yield rule("score", pattern, lambda match: over(g, int(match["home"]), int(match["guests"]), extras.score))


def _points(g: Grammar, word: str) -> Iterator[Rule]:
    """A point where the language writes a comma: '3.5', '$12.50'. Three digits after it are none of this class."""
    sign = any_of(g.currencies)

    def read_money(match: re.Match[str]) -> str:
        return paid(g, amount(match["count"], ".", ","), g.currencies[match["before"] or match["after"]])

    count = r"(?P<count>\d{1,3}(?:,\d{3}){0,3}\.\d\d)"
    yield rule("money", rf"(?<!\w)(?P<before>{sign}){SPACE}?{count}(?P<after>){END}", read_money)
    yield rule("money", rf"{START}(?P<before>){count}{SPACE}?(?P<after>{sign})(?!\w)", read_money)
    point = replace(g, decimal=".", groups="", point=word)
    pattern = rf"{START}(?P<count>[-−]?\d{{1,4}}\.\d{{1,2}}){END}"
    yield rule("decimal", pattern, lambda match: point.amount(point.parsed(match["count"])))


def _between(g: Grammar, extras: Extras) -> Iterator[Rule]:
    """+5, 5 €/kg, x², #word, R&D."""
    yield rule("sign", r"(?<![\w+])\+(?=\d)", lambda _: f"{g.plus} ")
    yield rule("sign", r"(?<!\w)#(?=[^\W\d_])", lambda _: f"{extras.hashtag} ")
    yield rule("sign", r"(?<=[^\W\d_])&(?=[^\W\d_])", lambda match: f" {g.signs[match.group()]} ")
    yield rule("power", r"(?<=\b[a-zA-Z])[²³](?!\w)", lambda match: f" {extras.powers[match.group()]}")

    def per(match: re.Match[str]) -> str | None:
        is_price = re.search(
            r"[€$£%]\Z|[€$£][ \u00a0]?[\d.,]{1,15}\Z", match.string[max(0, match.start() - 20) : match.start()]
        )
        return f" {extras.per} " if is_price else None

    yield rule("sign", r"(?<=[€$£%\d])/(?=[^\W\d_])", per)


def unsure(pattern: str) -> Rule:
    """A number that may mean either of two: it stays as it is."""
    return rule("unsure", rf"{START}{pattern}{END}", lambda match: match.group())


def numbered(g: Grammar, genders: Mapping[str, str | None]) -> Iterator[Rule]:
    """A roman numeral after a word of the table, as an ordinal of that gender or (None) a cardinal: 'Luigi XIV', 'capitolo IV'."""

    def read(match: re.Match[str]) -> str | None:
        name, value = word_before(match), roman(match["numeral"])
        if value is None or name not in genders or match["numeral"] in "LCDM":
            return None
        gender = genders[name]
        return g.cardinal(value) if gender is None else g.ordinal(value, gender)

    yield rule("roman", rf"(?<=[^\W\d_]{SPACE})(?P<numeral>[IVXLCDM]{{1,12}})(?!\w)", read)


def centuries(g: Grammar, abbreviations: str, word: str, genders: Mapping[str, str | None]) -> Iterator[Rule]:
    """An abbreviated century before its roman numeral: 's. XXI', 'séc. XIX'."""

    def read(match: re.Match[str]) -> str | None:
        value, gender = roman(match["numeral"]), genders[word]
        if value is None:
            return None
        return f"{word} {g.cardinal(value) if gender is None else g.ordinal(value, gender)}"

    yield rule("roman", rf"(?<!\w)(?:{abbreviations})\.{SPACE}?(?P<numeral>[IVX]{{1,6}})(?!\w)", read)


def by_gender(table: Mapping[str | None, str]) -> dict[str, str | None]:
    """The gender by word, from the words of each gender."""
    return {word: gender for gender, words in table.items() for word in words.split()}


def numerals(g: Grammar, words: str, gender: str) -> Iterator[Rule]:
    """A roman numeral before what it numbers: 'XX secolo', 'II Guerra Mundial'."""

    def read(match: re.Match[str]) -> str | None:
        value = roman(match["numeral"])
        if value is None:
            return None
        said = g.ordinal(value, gender)
        return said.capitalize() if words_after(match)[0][:1].isupper() else said

    yield rule("roman", rf"(?<!\w)(?P<numeral>[IVX]{{1,8}})(?={SPACE}(?:{words})(?!\w))", read)
