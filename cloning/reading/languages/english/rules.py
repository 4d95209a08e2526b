"""Classes of writing that are read in English alone, before and after the classes of all languages."""

import re
from collections.abc import Callable, Iterator

from cloning.reading.classes import UNIT_DOT, VULGAR, money, signs
from cloning.reading.codes import phones
from cloning.reading.grammar import END, SPACE, START, Grammar, any_of
from cloning.reading.languages.english import tables
from cloning.reading.languages.english.calendar import decades, named_dates, year, years
from cloning.reading.numbers import Amount, roman
from cloning.reading.rules import Rule, rule


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
    yield from _spaced(g)
    yield from money(g)
    yield rule("fixed", rf"{START}24/7{END}", lambda _: "twenty-four seven")
    yield rule("fixed", rf"{START}9/11{END}(?! (?:of|full|cup))", lambda _: "nine eleven")
    yield rule("fixed", rf"{START}(?P<n>\d\d)/(?P=n){END}", lambda match: " ".join([g.cardinal(int(match["n"]))] * 2))
    yield from _sums(g)
    yield from signs(g)
    scaled = rf"{START}{g.number('count')}(?P<scale>k|M|bn)(?!\w)"
    yield rule("cardinal", scaled, lambda match: g.counted(g.parsed(match["count"]), g.scales[match["scale"]]))
    people = rf"{START}{g.number('count')}(?P<scale>m)(?= (?:people|men|women|children|users|copies|jobs|homes|views|customers)\b)"
    yield rule("cardinal", people, lambda match: g.counted(g.parsed(match["count"]), g.scales[match["scale"]]))
    grouped = rf"{START}(?P<count>\d{{1,3}}(?:,\d{{3}}){{1,3}})(?:st|nd|rd|th)(?!\w)"
    yield rule("ordinal", grouped, lambda match: g.ordinal(g.parsed(match["count"]).whole))
    yield from decades(g)
    yield from _lengths(g)
    yield from _fractions_of_units(g)
    yield from named_dates(g)
    yield from _romans(g)
    yield from years(g)
    yield from _scores(g)
    yield from _phones(g)
    products = rf"(?<!\w)(?P<name>{tables.PRODUCTS}){SPACE}(?P<numbers>\d{{1,2}}(?:\.\d{{1,2}}){{1,3}}){END}"
    yield rule("version", products, lambda match: f"{match['name']} {_pointed(g, match['numbers'])}")
    yield rule("abbreviation", r"(?<=[a-z] )St\.(?!\w)(?! [A-Z])", lambda _: "Street")
    yield rule("abbreviation", r"(?<!\w)St\.(?= [A-Z])", lambda _: "Saint")


_STARTER = re.compile(
    r" (?:He|She|It|They|We|I|You|The|A|An|This|That|There|But|And|After|When|His|Her|Their|Its|In|At|On|If|As|By|No|Then)(?!\w)"
)


def starts_a_sentence(match: re.Match[str]) -> bool:
    """Whether a word follows that hardly has a capital for another reason: '9 a.m. EST' and '9 a.m. Monday' go on."""
    return bool(_STARTER.match(match.string, match.end()))


_OPERATORS = {
    "+": "plus",
    "-": "minus",
    "−": "minus",
    "–": "minus",
    "*": "times",
    "×": "times",
    "/": "divided by",
    "÷": "divided by",
}


def _spaced(g: Grammar) -> Iterator[Rule]:
    """50 000 km, $1 200 000: with plain spaces, told by a group that begins with a zero, as no number does."""

    def read(match: re.Match[str]) -> str:
        count = Amount(match["count"].replace(" ", ""))
        noun = g.currencies[match["sign"]].whole if match["sign"] else g.units.get(match["unit"] or "")
        return g.counted(count, noun) if noun else g.cardinal(count.whole)

    count = r"(?P<count>\d{1,3}(?: \d{3}){0,3} 0\d\d(?: \d{3}){0,3})(?! \d)"
    tail = rf"(?:{SPACE}?(?P<unit>{any_of(g.units)})(?!\w)|{END})"
    yield rule("cardinal", rf"(?<!\w)(?P<sign>{any_of(g.currencies)}){count}(?P<unit>){END}", read)
    yield rule("cardinal", rf"(?P<sign>){START}(?<!\d ){count}{tail}", read)


def _sums(g: Grammar) -> Iterator[Rule]:
    """5-3=2, which is no range, and 2^10."""

    def read(match: re.Match[str]) -> str:
        first, last = (g.amount(g.parsed(match[one])) for one in ("first", "last"))
        return f"{first} {_OPERATORS[match['sign']]} {last}"

    sign = rf"{SPACE}?(?P<sign>{any_of(_OPERATORS)}){SPACE}?"
    yield rule("math", rf"{START}{g.number('first')}{sign}{g.number('last')}(?={SPACE}?=)", read)
    yield rule("math", r"(?<=\d)\*(?=\d)", lambda _: " times ")
    yield rule("math", r"(?<=\w)\^(?=\d)", lambda _: " to the power of ")


def _attributive(g: Grammar, match: re.Match[str]) -> str:
    """A $5-million deal: 'five million dollar'."""
    noun = g.currencies[match["sign"]].whole.forms[0]
    return f"{g.amount(g.parsed(match['count']))} {g.scales[match['scale']].forms[0]} {noun}"


def _pointed(g: Grammar, numbers: str) -> str:
    return " point ".join(g.cardinal(int(one)) for one in numbers.split("."))


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


def _fractions_of_units(g: Grammar) -> Iterator[Rule]:
    """1/2 lb, 1 1/2 oz, ½ tsp."""

    def read(match: re.Match[str]) -> str | None:
        words = fraction(g, *(VULGAR.get(match["part"]) or map(int, match["part"].split("/"))))
        noun = g.units[match["unit"]]
        if words is None or not match["whole"]:
            return words and f"{words} {noun.forms[0]}"
        return f"{g.cardinal(int(match['whole']))}{g.and_a_half}{words} {noun.forms[-1]}"

    part = rf"(?P<part>[{''.join(VULGAR)}]|\d{{1,2}}/\d{{1,2}})"
    whole = rf"(?:(?P<whole>\d{{1,3}})(?:{SPACE}|(?=[{''.join(VULGAR)}])))?"
    yield rule("unit", rf"{START}{whole}{part}{SPACE}?(?P<unit>{any_of(g.units)})(?!\w|['’]\w){UNIT_DOT}", read)


def _romans(g: Grammar) -> Iterator[Rule]:
    """Louis XIV, Chapter IV. 'I' is a pronoun if a verb may follow it."""
    pronoun = r"(?!I [a-z]+(?<! of)(?<! and)(?<! in)(?<! at)(?<! by))"
    numeral = rf"{SPACE}(?P<numeral>{pronoun}[IVXLCDM]{{1,9}})(?!\w|['’](?!s\b)\w|\.\w)"

    def read(match: re.Match[str], joint: str, say: Callable[[int], str]) -> str | None:
        value = roman(match["numeral"])
        return f"{match['name']}{joint}{say(value)}" if value else None

    rulers = "|".join([*tables.RULERS, "John Paul", "(?:King|Queen|Pope|Emperor|Tsar) [A-Z][a-z]{2,20}"])
    yield rule("roman", rf"(?<!\w)(?P<name>{rulers}){numeral}", lambda match: read(match, " the ", g.ordinal))
    sure = numeral.replace(pronoun, "")
    yield rule("roman", rf"(?<!\w)(?P<name>{tables.NUMBERED}){sure}", lambda match: read(match, " ", g.cardinal))
    century = r"(?<!\w)(?P<numeral>[XVI]{1,5})(?P<name>)(?=(?:th)? [Cc]entury)"
    yield rule("roman", century, lambda match: read(match, "", g.ordinal))


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
    yield rule(
        "sign", rf"{START}{g.number('count')}x(?!\w)", lambda match: f"{g.amount(g.parsed(match['count']))} times"
    )


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
