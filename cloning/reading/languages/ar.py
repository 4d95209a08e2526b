"""
Arabic: numbers, ordinals, decimals, percentages, money, times; in digits of both kinds.

The numbers are ours: CLDR's rules know few of the forms that Arabic counts by (ثلاثة آلاف, مليونان). A number is in the usual form for
masculine nouns; before a noun in -ات in that for feminine ones. After a preposition or a word for 'year' it is oblique (وعشرين).
"""

import re

from cloning.reading.classes import standard
from cloning.reading.grammar import END, START, Currency, Grammar, Noun
from cloning.reading.numbers import LONGEST, Amount, amount, spelled
from cloning.reading.rules import LanguageRules, rule

_UNITS = ("صفر", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة", "عشرة")
_FEMININE = ("صفر", "واحدة", "اثنتان", "ثلاث", "أربع", "خمس", "ست", "سبع", "ثماني", "تسع", "عشر")
_TENS = ("", "", "عشرون", "ثلاثون", "أربعون", "خمسون", "ستون", "سبعون", "ثمانون", "تسعون")
_HUNDREDS = ("", "مئة", "مئتان", "ثلاثمئة", "أربعمئة", "خمسمئة", "ستمئة", "سبعمئة", "ثمانمئة", "تسعمئة")
_SCALES = (
    (10**12, ("تريليون", "تريليونان", "تريليونات", "تريليونًا")),
    (10**9, ("مليار", "ملياران", "مليارات", "مليارًا")),
    (10**6, ("مليون", "مليونان", "ملايين", "مليونًا")),
    (10**3, ("ألف", "ألفان", "آلاف", "ألفًا")),
)
"""One, two, three to ten, and eleven to ninety-nine of them."""


def cardinal(number: int, *, is_feminine: bool = False) -> str:
    """The number as words, its parts joined by و."""
    parts = []
    for scale, forms in _SCALES:
        count, number = divmod(number, scale)
        if count:
            parts.append(_scaled(count, forms))
    if number or not parts:
        parts.append(_below_thousand(number, is_feminine=is_feminine))
    return " و".join(parts)


def _scaled(count: int, forms: tuple[str, str, str, str]) -> str:
    one, two, few, many = forms
    if count <= 2:  # noqa: PLR2004 - the dual
        return two if count > 1 else one
    rest = count % 100
    noun = few if 3 <= rest <= 10 else many if rest > 10 else one  # noqa: PLR2004 - as Arabic counts
    return f"{_below_thousand(count, is_feminine=False)} {noun}"


def _below_thousand(number: int, *, is_feminine: bool) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [_HUNDREDS[hundreds]] if hundreds else []
    if rest or not hundreds:
        parts.append(_below_hundred(rest, is_feminine=is_feminine))
    return " و".join(parts)


def _below_hundred(number: int, *, is_feminine: bool) -> str:
    units = _FEMININE if is_feminine else _UNITS
    tens, unit = divmod(number, 10)
    if number < len(units):
        return units[number]
    if tens == 1:
        return _teen(unit, is_feminine=is_feminine)
    return f"{units[unit]} و{_TENS[tens]}" if unit else _TENS[tens]


def _teen(unit: int, *, is_feminine: bool) -> str:
    if is_feminine:
        return {1: "إحدى", 2: "اثنتا"}.get(unit, _FEMININE[unit]) + " عشرة"
    return {1: "أحد", 2: "اثنا"}.get(unit, _UNITS[unit]) + " عشر"


def _oblique(words: str) -> str:
    """As after a preposition."""
    said = re.sub(r"(?<=\w)ون\b", "ين", words)
    return re.sub(r"(اثن|اثنت|مئت|ألف|مليون|مليار)ان\b", r"\1ين", said).replace("اثنا عشر", "اثني عشر")


class _Arabic(Grammar):
    """Its own numbers, and the signs of both kinds of digits."""

    def number(self, name: str) -> str:
        whole = r"(?:\d{1,3}(?:[,٬\u00a0\u202f]\d{3}){1,4}|\d{1,15})"
        return rf"(?P<{name}>[-−]?{whole}(?:[.٫]\d{{1,15}})?)"

    def parsed(self, text: str) -> Amount:
        return amount(text.replace("٫", "."), ".", ",٬\u00a0\u202f")

    def cardinal(self, number: int, gender: str = "") -> str:
        is_short = number < 10**LONGEST
        return cardinal(number, is_feminine=gender == "f") if is_short else self.digits(str(number))

    def digits(self, text: str) -> str:
        return " ".join(_UNITS[int(one)] for one in text if one.isdecimal())

    def counted(self, count: Amount, noun: Noun) -> str:
        """One and two of something are said by the noun alone, unless it has one form."""
        form = self.form(count, noun)
        is_said_by_noun = len(noun.forms) > 1 and not count.fraction and not count.is_negative and count.whole in (1, 2)
        return form if is_said_by_noun else f"{self.amount(count, noun.gender)} {form}"


def _plural(count: Amount) -> int:
    """One, two, three to ten, eleven to ninety-nine, and whole hundreds."""
    rest = count.whole % 100
    if count.fraction:
        return 0
    if count.whole in (1, 2):
        return count.whole - 1
    return 2 if 3 <= rest <= 10 else 3 if rest > 10 else 0  # noqa: PLR2004 - as Arabic counts


def _ordinal(match: re.Match[str]) -> str:
    """القرن الـ21: in the gender of the noun before it."""
    rules = "spellout-ordinal-feminine" if match["noun"].endswith("ة") else "spellout-ordinal-masculine"
    count = int(match["count"])
    if not 0 < count < 100:  # noqa: PLR2004 - CLDR has no more
        return f"{match['noun']} ال{cardinal(count)}"
    words = " ".join(spelled("ar", count, rules).split())
    by = re.search(r"(?:في|من|إلى|على|منذ|حتى|خلال) \Z", match.string[max(0, match.start() - 6) : match.start()])
    return f"{match['noun']} {_oblique(words) if by else words}"


def _counted(match: re.Match[str]) -> str | None:
    """3 سيارات."""
    count = GRAMMAR.parsed(match["count"])
    return (
        None
        if count.fraction or count.is_negative or count.digits.startswith("0")
        else GRAMMAR.cardinal(count.whole, "f")
    )


def _joined(match: re.Match[str]) -> str:
    """و3 is one word: وثلاثة."""
    return GRAMMAR.amount(GRAMMAR.parsed(match["count"]))


def _year(match: re.Match[str]) -> str:
    return _oblique(cardinal(int(match["year"])))


def _time(hour: int, minute: int, second: int | None, mark: str) -> str | None:
    if not 0 < hour <= 12 or second:  # noqa: PLR2004 - hours are ordinals up to the twelfth
        return None
    words = "الواحدة" if hour == 1 else " ".join(spelled("ar", hour, "spellout-ordinal-feminine").split())
    past = {0: "", 15: " والربع", 30: " والنصف", 20: " والثلث"}
    said = past[minute] if minute in past else f" و{cardinal(minute, is_feminine=True)} دقيقة"
    return f"{words}{said} {mark}".rstrip()


_DOLLAR = Currency(Noun(("دولار", "دولاران", "دولارات", "دولارًا")), Noun(("سنت", "سنتان", "سنتات", "سنتًا")))
_EURO = Currency(Noun(("يورو",)), Noun(("سنت", "سنتان", "سنتات", "سنتًا")))
_PERCENT = Noun(("بالمئة",))

GRAMMAR = _Arabic(
    code="ar",
    point="فاصلة",
    decimal=".",
    groups=",",
    plural=_plural,
    minus="ناقص",
    plus="زائد",
    joint=" و",
    to="إلى",
    percent=_PERCENT,
    currencies={"$": _DOLLAR, "USD": _DOLLAR, "€": _EURO, "EUR": _EURO},
    units={
        "٪": _PERCENT,
        "km": Noun(("كيلومتر", "كيلومتران", "كيلومترات", "كيلومترًا")),
        "كم": Noun(("كيلومتر", "كيلومتران", "كيلومترات", "كيلومترًا")),
        "kg": Noun(("كيلوغرام", "كيلوغرامان", "كيلوغرامات", "كيلوغرامًا")),
        "كغ": Noun(("كيلوغرام", "كيلوغرامان", "كيلوغرامات", "كيلوغرامًا")),
        "°C": Noun(("درجة مئوية", "درجتان مئويتان", "درجات مئوية", "درجة مئوية"), "f"),
    },
    time=_time,
    time_marks={"صباحًا": "صباحًا", "صباحا": "صباحًا", "مساءً": "مساءً", "مساء": "مساءً"},
    signs={"+": "زائد", "=": "يساوي", "×": "ضرب", "&": "و"},
)

RULES = LanguageRules(
    "ar",
    (
        rule("always", rf"{START}(?:24/7|٢٤/٧){END}", lambda _: "على مدار الساعة"),
        rule("ordinal", rf"(?<!\w)(?P<noun>ال\w{{2,20}}) الـ?(?P<count>\d{{1,4}}){END}", _ordinal),
        rule("year", rf"(?:(?<=عام )|(?<=سنة )|(?<=لعام )|(?<=العام )|(?<=منذ )|(?<=حتى )|(?<=إلى )|(?<=في )|(?<=من )){START}(?P<year>\d{{4}}){END}", _year),
        rule("counted", rf"(?:{START}|(?<=[وفبلك])(?<!\w[وفبلك])){GRAMMAR.number('count')}(?= \w{{2,20}}ات(?!\w))", _counted),
        rule("joined", rf"(?<=[وفبلك])(?<!\w[وفبلك]){GRAMMAR.number('count')}{END}", _joined),
        *standard(GRAMMAR),
    ),
)  # fmt: skip
