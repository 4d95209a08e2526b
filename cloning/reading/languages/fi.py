"""
Finnish: numbers, ordinals, decimals, percentages, money, dates.

A number has the case of the word that it counts, where its ending says one: 5 maassa is viidessä maassa, 3. kerroksessa is kolmannessa
kerroksessa. After a colon the text says it: 5:ssä.
"""

import re

from cloning.reading.classes import standard
from cloning.reading.grammar import END, START, Currency, Grammar, Noun
from cloning.reading.numbers import spelled
from cloning.reading.rules import LanguageRules, Rule, rule

_ENDINGS = (  # not -sta: ihmistä and lasta are partitives
    (r"(?:n?ss[aä])", "inessive"),
    (r"(?:n?ll[aä])", "adessive"),
    (r"(?:n?lt[aä])", "ablative"),
    (r"(?:n?lle)", "allative"),
    (r"(?:n?ksi)", "translative"),
    (r"(?:aan|een|iin|oon|uun|yyn|ään|öön)", "illative"),
)
_CASES = {
    **{f"{before}{ending}": case for before in ("", "nne", "i") for ending, case in (
        ("ssa", "inessive"), ("ssä", "inessive"), ("sta", "elative"), ("stä", "elative"), ("lla", "adessive"), ("llä", "adessive"),
        ("lta", "ablative"), ("ltä", "ablative"), ("lle", "allative"), ("ksi", "translative"), ("n", "genitive"))},
    "een": "illative", "aan": "illative", "iin": "illative", "ään": "illative", "a": "partitive", "ä": "partitive", "ta": "partitive",
    "tä": "partitive", "en": "genitive", "na": "essive", "nä": "essive", "s": "", "nteen": "illative", "tta": "partitive", "ttä": "partitive",
}  # fmt: skip
"""What follows a colon."""
_ORDINAL_SUFFIX = re.compile(r"nne|s\Z|nteen|tt[aä]\Z")
_NOT_COUNTED = {"kanssa", "alla", "päälle", "jälkeen", "ilman", "varten", "vasta", "joista", "muun", "tai"}


def _ruleset(kind: str, case: str) -> str:
    return f"spellout-{kind}-{case}" if case else f"spellout-{kind}"


def _case_of(word: str) -> str:
    if len(word) < len("maassa") - 1 or word.lower() in _NOT_COUNTED:
        return ""
    return next((case for ending, case in _ENDINGS if re.search(rf"{ending}\Z", word)), "")


def _suffixed(match: re.Match[str]) -> str | None:
    suffix = match["suffix"]
    if suffix not in _CASES:
        return None
    kind = "ordinal" if _ORDINAL_SUFFIX.search(suffix) else "cardinal"
    return spelled("fi", int(match["count"]), _ruleset(kind, _CASES[suffix]))


def _ordinal(match: re.Match[str]) -> str:
    word = match["next"]
    case = _case_of(word) or ("genitive" if word.endswith("n") and word not in _NOT_COUNTED else "")
    return spelled("fi", int(match["count"]), _ruleset("ordinal", case))


def _counted(match: re.Match[str]) -> str | None:
    case, count = _case_of(match["next"]), GRAMMAR.parsed(match["count"])
    is_whole = not (count.fraction or count.is_negative or count.digits.startswith("0"))
    return spelled("fi", count.whole, _ruleset("cardinal", case)) if case and is_whole else None


def _date(day: int, month: int, year: int | None) -> str:
    words = f"{spelled('fi', day, 'spellout-ordinal')} {_MONTHS[month - 1]}ta"
    return f"{words} {spelled('fi', year)}" if year else words


def _time(hour: int, minute: int, second: int | None, mark: str) -> str:
    parts = [hour] + ([minute] if minute or second else []) + ([second] if second else [])
    return " ".join([*([mark] if mark else []), *(spelled("fi", part) for part in parts)])


def _clock(match: re.Match[str]) -> str:
    return _time(int(match["hour"]), int(match["minute"]), None, "")


_MONTHS = (
    "tammikuu", "helmikuu", "maaliskuu", "huhtikuu", "toukokuu", "kesäkuu", "heinäkuu", "elokuu", "syyskuu", "lokakuu", "marraskuu",
    "joulukuu",
)  # fmt: skip
_EURO, _DOLLAR = Noun(("euro", "euroa")), Noun(("dollari", "dollaria"))
_CENT = Noun(("sentti", "senttiä"))
_UNITS = {
    "km": ("kilometri", "kilometriä"), "m": ("metri", "metriä"), "cm": ("senttimetri", "senttimetriä"), "mm": ("millimetri", "millimetriä"),
    "kg": ("kilogramma", "kilogrammaa"), "g": ("gramma", "grammaa"), "l": ("litra", "litraa"), "°C": ("celsiusaste", "celsiusastetta"),
    "°": ("aste", "astetta"), "km/h": ("kilometri tunnissa", "kilometriä tunnissa"),
}  # fmt: skip

GRAMMAR = Grammar(
    code="fi",
    point="pilkku",
    groups=" \u00a0\u202f\u2009",
    minus="miinus",
    plus="plus",
    joint=" ",
    to="viiva",
    percent=Noun(("prosentti", "prosenttia")),
    permille=Noun(("promille", "promillea")),
    currencies={
        "€": Currency(_EURO, _CENT),
        "EUR": Currency(_EURO, _CENT),
        "$": Currency(_DOLLAR, _CENT),
        "USD": Currency(_DOLLAR, _CENT),
    },
    units={sign: Noun(forms) for sign, forms in _UNITS.items()},
    date=_date,
    time=_time,
    signs={"+": "plus", "=": "on yhtä kuin", "×": "kertaa", "&": "ja"},
    abbreviations={"esim.": "esimerkiksi", "ym.": "ynnä muuta", "jne.": "ja niin edelleen", "eKr.": "ennen Kristusta"},
)


def _rules() -> tuple[Rule, ...]:
    return (
        rule("case", rf"{START}(?P<count>\d{{1,9}}):(?P<suffix>[a-zäö]{{1,6}})(?!\w)", _suffixed),
        rule("always", rf"{START}24/7{END}", lambda _: "kaksikymmentäneljä seitsemän"),
        rule("time", r"(?<!\w)klo(?= \d)", lambda _: "kello"),
        rule("time", r"(?<=klo )(?P<hour>\d{1,2})\.(?P<minute>[0-5]\d)(?![\w.])", _clock),
        rule(
            "decade",
            rf"{START}(?P<count>\d{{1,4}})-(?=luv|vuoti|kerta)",
            lambda match: spelled("fi", int(match["count"])),
        ),
        rule("ordinal", rf"{START}(?P<count>\d{{1,3}})\.(?= (?P<next>[a-zäö]+))", _ordinal),
        rule("counted", rf"{START}{GRAMMAR.number('count')}(?= (?P<next>[a-zäö]{{5,40}})(?!\w))", _counted),
        *standard(GRAMMAR),
    )


RULES = LanguageRules("fi", _rules())
