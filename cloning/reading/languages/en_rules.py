"""What English has beside the classes of other languages."""

import re
from collections.abc import Callable, Iterator

from cloning.reading.classes import money, signs
from cloning.reading.codes import phones
from cloning.reading.grammar import END, SPACE, START, Grammar, any_of
from cloning.reading.languages import en_tables
from cloning.reading.numbers import Amount, roman
from cloning.reading.rules import Rule, rule

_CENTURY = 100
_TEN = 10
_NOON = 12
_LONGEST_MONTH = 31
_YEAR_SIGNS = (
    r"(?:[Ii]n|[Ss]ince|[Oo]f|[Ff]rom|[Uu]ntil|[Tt]ill|[Bb]y|[Bb]efore|[Aa]fter|[Dd]uring|[Yy]ear|[Cc]irca|[Ll]ate|[Ee]arly|[Ss]pring"
    r"|[Ss]ummer|[Aa]utumn|[Ff]all|[Ww]inter|AD|and|to|Treaty of|Battle of|"
    + any_of(name for names in en_tables.MONTHS for name in names)
    + r")\.?,?"
)
_COUNTED = (
    r"(?![ \u00a0-](?!(?:was|is|has|its|his|this|as|us|series|thus|always|perhaps|across|towards|plus|minus|versus|Olympics"
    r"|elections|crisis|sees|saw|does|goes|runs|marks|takes|comes|brings|shows)\b)"
    r"(?:[a-z]{2,}[^s\W]s|people|men|women|children|percent|feet|miles?|words?|hundred|thousand|million|billion|times)\b)"
)


def year(g: Grammar, number: int) -> str:
    """In pairs, but for the first years of a millennium: 1998, 1905, 1900, 2005, 2024."""
    pairs, rest = divmod(number, _CENTURY)
    if pairs < _TEN or (pairs % _TEN == 0 and rest < _TEN):
        return g.cardinal(number)
    if rest == 0:
        return f"{g.cardinal(pairs)} hundred"
    return f"{g.cardinal(pairs)} {_two_digits(g, rest)}"


def _two_digits(g: Grammar, number: int) -> str:
    """05 is 'oh five'."""
    return g.cardinal(number) if number >= _TEN else f"oh {g.cardinal(number)}"


def time(g: Grammar, hour: int, minute: int, second: int | None, mark: str) -> str:
    """'Three thirty PM', 'ten o'clock', 'fourteen hundred'."""
    if minute:
        said = f"{g.cardinal(hour)} {_two_digits(g, minute)}"
    elif mark or second is not None:
        said = g.cardinal(hour)
    else:
        said = f"{g.cardinal(hour)} o'clock" if 1 <= hour <= _NOON else f"{g.cardinal(hour)} hundred"
    if second is not None:
        said += f" and {g.cardinal(second)} second{'s' * (second != 1)}"
    return f"{said} {mark}".rstrip()


def fraction(g: Grammar, top: int, bottom: int) -> str | None:
    """'Three quarters'; unusual ones may be dates or scores."""
    if top >= bottom or bottom not in (*range(2, 11), 12, 16, 20, 32, 64, 100):
        return None
    one, many = {2: ("half", "halves"), 4: ("quarter", "quarters")}.get(bottom) or (
        g.ordinal(bottom),
        f"{g.ordinal(bottom)}s",
    )
    return f"{g.cardinal(top)} {one if top == 1 else many}"


def before(g: Grammar) -> Iterator[Rule]:
    """Before the classes of all languages; money is no year."""
    attributive = rf"(?<!\w)(?P<sign>{any_of(g.currencies)}){g.number('count')}-(?P<scale>{any_of(g.scales)})(?= [a-z])"
    yield rule("money", attributive, lambda match: _attributive(g, match))
    yield from money(g)
    yield rule("fixed", rf"{START}24/7{END}", lambda _: "twenty-four seven")
    yield rule("fixed", rf"{START}9/11{END}(?! (?:of|full|cup))", lambda _: "nine eleven")
    yield rule("fixed", rf"{START}(?P<n>\d\d)/(?P=n){END}", lambda match: " ".join([g.cardinal(int(match["n"]))] * 2))
    yield from signs(g)
    yield from _decades(g)
    yield from _lengths(g)
    yield from _named_dates(g)
    yield from _romans(g)
    yield from _years(g)
    yield from _scores(g)
    yield from _phones(g)
    products = rf"(?<!\w)(?P<name>{en_tables.PRODUCTS}){SPACE}(?P<numbers>\d{{1,2}}(?:\.\d{{1,2}}){{1,3}}){END}"
    yield rule("version", products, lambda match: f"{match['name']} {_pointed(g, match['numbers'])}")
    yield rule("abbreviation", r"(?<=[a-z] )St\.(?!\w)(?! [A-Z])", lambda _: "Street")
    yield rule("abbreviation", r"(?<!\w)St\.(?= [A-Z])", lambda _: "Saint")


def _attributive(g: Grammar, match: re.Match[str]) -> str:
    """A $5-million deal: 'five million dollar'."""
    noun = g.currencies[match["sign"]].whole.forms[0]
    return f"{g.amount(g.parsed(match['count']))} {g.scales[match['scale']].forms[0]} {noun}"


def _pointed(g: Grammar, numbers: str) -> str:
    return " point ".join(g.cardinal(int(one)) for one in numbers.split("."))


def _decades(g: Grammar) -> Iterator[Rule]:
    """1990s, '90s, the 20s."""

    def read(match: re.Match[str]) -> str:
        century, tens = match["century"] or "", int(match["tens"])
        if century in ("10", "20") and not tens:
            return f"{g.cardinal(int(century + '00'))}s"
        if not tens:
            return f"{g.cardinal(int(century))} hundreds" if century else "two thousands"
        plural = "tens" if tens == _TEN else g.cardinal(tens).removesuffix("y") + "ies"
        return f"{g.cardinal(int(century))} {plural}" if century else plural

    yield rule("decade", rf"{START}['’]?(?P<century>1[1-9]|20)?(?P<tens>[0-9]0)['’]?s(?!\w)", read)
    yield rule(
        "year", r"(?<![\w'’])['’](?P<tens>\d\d)(?!\w)(?![.,:/'’-]\d)", lambda match: _two_digits(g, int(match["tens"]))
    )


def _lengths(g: Grammar) -> Iterator[Rule]:
    """5'10", 5 ft 10 in, a 5-km run."""

    def read(match: re.Match[str]) -> str:
        return f"{g.cardinal(int(match['feet']))} foot {g.cardinal(int(match['inches']))}"

    yield rule("unit", rf"{START}(?P<feet>\d)['’′]{SPACE}?(?P<inches>1[01]|\d)(?:[\"”″]|''|’’)(?!\w)", read)
    yield rule("unit", rf"{START}(?P<feet>\d) ft (?P<inches>1[01]|\d) in(?!\w)", read)
    hyphened = rf"{START}{g.number('count')}-(?P<unit>{any_of(g.units)})(?!\w)"
    yield rule(
        "unit",
        hyphened,
        lambda match: f"{g.amount(g.parsed(match['count']))}-{g.units[match['unit']].forms[0]}",
    )


def _named_dates(g: Grammar) -> Iterator[Rule]:
    """March 3rd, 2026; the 3rd of March 2026."""
    number = {spelling: index for index, spellings in enumerate(en_tables.MONTHS) for spelling in spellings}
    month = rf"(?P<month>{any_of(number)})(?!\w)(?:\.(?=,|{SPACE}[\da-z]))?"
    day = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\w)(?![.:/'’]\d|,\d)"
    a_year = r"(?:,?[ \u00a0](?P<year>[12]\d{3})(?!\w)(?![.,:]\d))?"

    def with_year(words: str, match: re.Match[str]) -> str:
        return f"{words}, {year(g, int(match['year']))}" if match["year"] else words

    def month_first(match: re.Match[str]) -> str:
        return with_year(f"{_month(match)} {g.ordinal(int(match['day']))}", match)

    def day_first(match: re.Match[str]) -> str:
        lead = match["the"] or "the "
        return with_year(f"{lead}{g.ordinal(int(match['day']))} of {_month(match)}", match)

    def _month(match: re.Match[str]) -> str:
        return en_tables.MONTHS[number[match["month"]]][0]

    yield rule("date", rf"(?<!\w){month}{SPACE}{day}(?![-–]\d){a_year}", month_first)
    yield rule("date", rf"(?P<the>[Tt]he )?{START}{day}{SPACE}(?:of{SPACE})?{month}{a_year}", day_first)
    days = rf"(?<!\w){month}{SPACE}(?P<first>\d{{1,2}})[-–](?P<day>\d{{1,2}}){END}{a_year}"
    yield rule("date", days, lambda match: _from_to(g, match, _month(match), with_year))


def _from_to(
    g: Grammar, match: re.Match[str], month: str, with_year: Callable[[str, re.Match[str]], str]
) -> str | None:
    first, last = int(match["first"]), int(match["day"])
    if not first < last <= _LONGEST_MONTH:
        return None
    return with_year(f"{month} {g.ordinal(first)} to {g.ordinal(last)}", match)


def _romans(g: Grammar) -> Iterator[Rule]:
    """Louis XIV, Chapter IV. 'I' is a pronoun if a verb may follow it."""
    pronoun = r"(?!I [a-z]+(?<! of)(?<! and)(?<! in)(?<! at)(?<! by))"
    numeral = rf"{SPACE}(?P<numeral>{pronoun}[IVXLCDM]{{1,9}})(?!['’]?\w|\.\w)"

    def read(match: re.Match[str], joint: str, say: Callable[[int], str]) -> str | None:
        value = roman(match["numeral"])
        return f"{match['name']}{joint}{say(value)}" if value else None

    rulers = "|".join([*en_tables.RULERS, "John Paul", "(?:King|Queen|Pope|Emperor|Tsar) [A-Z][a-z]{2,20}"])
    yield rule("roman", rf"(?<!\w)(?P<name>{rulers}){numeral}", lambda match: read(match, " the ", g.ordinal))
    yield rule("roman", rf"(?<!\w)(?P<name>{en_tables.NUMBERED}){numeral}", lambda match: read(match, " ", g.cardinal))
    century = r"(?<!\w)(?P<numeral>[XVI]{1,5})(?P<name>)(?=(?:th)? [Cc]entury)"
    yield rule("roman", century, lambda match: read(match, "", g.ordinal))


def _years(g: Grammar) -> Iterator[Rule]:
    def read(match: re.Match[str]) -> str:
        return f"{match['lead']}{year(g, int(match['year']))}"

    def read_season(match: re.Match[str]) -> str | None:
        first, last = int(match["year"]), int(match["last"])
        return f"{year(g, first)} to {_two_digits(g, last)}" if (first + 1) % _CENTURY == last else None

    no_number = rf"(?!{SPACE}?(?:{any_of([*g.units, *g.currencies, '%', '‰'])})(?!\w))"
    yield rule("year", rf"{START}(?P<lead>)(?P<year>19\d\d|20\d\d)(?!['’]\d)(?!-\w){END}{no_number}{_COUNTED}", read)
    yield rule("year", rf"{START}(?P<year>19\d\d|20\d\d)[-–/](?P<last>\d\d){END}", read_season)
    after = rf"(?:{_COUNTED}|(?= (?:AD|BC|CE|BCE)\b))"
    yield rule("year", rf"(?<!\w)(?P<lead>{_YEAR_SIGNS}{SPACE})(?P<year>1[0-8]\d\d){END}{no_number}{after}", read)
    yield rule("year", rf"{START}(?P<lead>)(?P<year>1[1-8]\d\d){END}(?= (?:AD|BC|CE|BCE)\b)", read)


def _scores(g: Grammar) -> Iterator[Rule]:
    """A 3-2 win, 16:9, 3x4."""

    def read(match: re.Match[str], word: str) -> str:
        return f"{year(g, int(match['first']))} {word} {year(g, int(match['last']))}"

    yield rule(
        "score",
        rf"{START}(?P<first>\d{{1,2}})[-–](?P<last>\d{{1,2}}){END}(?!{SPACE}?[%°$€£])(?![ -][A-Za-z])",
        lambda match: read(match, "to"),
    )
    yield rule("score", rf"{START}(?P<first>\d{{1,3}}):(?P<last>\d){END}", lambda match: read(match, "to"))
    yield rule(
        "sign",
        rf"{START}(?P<first>\d{{1,4}}){SPACE}?[x×]{SPACE}?(?P<last>\d{{1,4}}){END}",
        lambda match: read(match, "by" if "x" in match.group() else "times"),
    )
    yield rule("sign", rf"{START}(?P<count>\d{{1,4}})x(?!\w)", lambda match: f"{g.cardinal(int(match['count']))} times")


def _phones(g: Grammar) -> Iterator[Rule]:
    """1-800-555-1234, 415 555 2671, call 911."""

    def read(match: re.Match[str]) -> str:
        return ", ".join(g.digits(one) for one in re.findall(r"\d+", match.group()))

    yield from phones(g)
    yield rule("phone", rf"{START}(?:1[-. ])?\d{{3}}([-. ])\d{{3}}\1\d{{4}}{END}", read)
    yield rule("phone", rf"(?<=[Cc]all )[1-9]11{END}|(?<=[Dd]ial )[1-9]\d\d{END}", read)


def after(g: Grammar) -> Iterator[Rule]:
    """After them."""
    yield rule(
        "decimal",
        r"(?<![\w.])(?P<sign>[-−]?)\.(?P<fraction>\d{1,15})(?!\w)(?![.,:/]\d)",
        lambda match: _small(g, match),
    )
    yield rule("sign", r"(?<=\w)&(?=\w)", lambda _: " and ")
    yield rule("sign", r"(?<=\d)/(?=(?:hour|day|week|month|year|person|night|mo|hr|yr)\b)", lambda _: " per ")
    yield rule("sign", r"(?<!\w)#(?=[A-Za-z])", lambda _: "hashtag ")
    yield rule("sign", r"(?<![\w.])@(?=[A-Za-z]\w)", lambda _: "at ")
    yield rule("sign", r"(?<=[\w)])²", lambda _: " squared")
    yield rule("sign", r"(?<=[\w)])³", lambda _: " cubed")


def _small(g: Grammar, match: re.Match[str]) -> str:
    return g.amount(Amount("0", match["fraction"], bool(match["sign"]))).replace("zero ", "", 1)
