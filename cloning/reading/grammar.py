"""
The facts of a language that `cloning.reading.classes` needs: its words, forms and signs as a table, and the rest as functions.

Only `code` and `point` have no usual value. A class whose table is empty isn't read.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from cloning.reading.numbers import LONGEST, Amount, amount, spelled, spelled_digits

START = r"(?<!\w)(?<!\d[-–.,:/'’])(?<!\.)"
"""Before a number: it is no part of a word or of a longer number."""
END = r"(?!\w)(?![-–.,:/'’]\d)"
"""After a number: the same."""
SPACE = "[ \u00a0\u202f\u2009]"


@dataclass(frozen=True)
class Noun:
    """A counted noun: its forms by `Grammar.plural`'s number (the last one serves for all larger ones), and its gender."""

    forms: tuple[str, ...]
    gender: str = ""


@dataclass(frozen=True)
class Currency:
    """Its unit, and the hundredth part of it if there is one."""

    whole: Noun
    cent: Noun | None = None


def one_or_many(count: Amount) -> int:
    """Form 0 for exactly 1, else form 1: English, German, Spanish, Italian."""
    return 0 if count.is_one else 1


@dataclass(frozen=True)
class Grammar:
    """
    One language. `cardinals` and `ordinals` map genders ('' is the usual one) to CLDR's rule sets.

    Functions get numbers and give words; any of them may give None: then the writing stays as it was.
    """

    code: str
    point: str
    """The word for the decimal sign."""
    decimal: str = ","
    groups: str = ".\u00a0\u202f\u2009"
    """Group signs; a plain space only if the language is really written so."""
    cardinals: Mapping[str, str] = field(default_factory=lambda: {"": "spellout-numbering"})
    ordinals: Mapping[str, str] = field(default_factory=lambda: {"": "spellout-ordinal"})
    ordinal_marks: Mapping[str, str] = field(default_factory=dict)
    """What makes an ordinal of digits ('st', 'º', 'ère'), and the gender that it says."""
    plural: Callable[[Amount], int] = one_or_many
    is_fraction_a_number: bool = False
    """3,14 is 'virgule quatorze', not 'virgule un quatre'."""
    minus: str = "minus"
    plus: str = "plus"
    joint: str = " "
    """Between euros and cents, with its spaces."""
    are_cents_named: bool = True
    """'Zwölf Euro fünfzig' doesn't name them."""
    to: str = ""
    """Between the ends of a range."""
    percent: Noun = Noun(("",))
    permille: Noun = Noun(("",))
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    """By sign or code, as written."""
    scales: Mapping[str, Noun] = field(default_factory=dict)
    """'million', 'Mio.', 'k': what stands between a number and a currency or unit."""
    after_scale: Callable[[str], str] = lambda noun: noun
    """A currency's last form after a scale: 'euros' -> "d'euros"."""
    units: Mapping[str, Noun] = field(default_factory=dict)
    """As written after a number: 'km/h', '°C', 'GB'."""
    months: tuple[tuple[str, ...], ...] = ()
    """Twelve, each with its spellings in texts, without a dot; the first one is said."""
    date_order: str = "dmy"
    """Of dates in digits: dmy, mdy or '' (unknown: only what can be read one way is)."""
    date: Callable[[int, int, int | None], str | None] | None = None
    """(day, month, year) as words. Dates in digits and with names of months."""
    dated: Callable[[re.Match[str], int, int, int | None], str | None] | None = None
    """The same where the words depend on what stands around the match; instead of `date`."""
    of_month: str = ""
    """A regular expression for what may stand between day, month and year: 'de', 'of'."""
    month_first: bool = False
    """December 25, 2026 is written too."""
    year: Callable[[int], str] | None = None
    time_signs: str = ":"
    time_marks: Mapping[str, str] = field(default_factory=dict)
    """What may follow a time ('pm', 'Uhr', 'h'), and its words."""
    time: Callable[[int, int, int | None, str], str | None] | None = None
    """(hour, minute, second, words of the mark or '')."""
    fraction: Callable[[int, int], str | None] | None = None
    """(numerator, denominator) of 3/4."""
    half_more: Callable[[int], str] | None = None
    """A whole number and a half, where it isn't `and_a_half` and the fraction: 'zweieinhalb', 'deux et demi'."""
    and_a_half: str = " "
    """Between a whole number and a fraction: 'two and one half'."""
    signs: Mapping[str, str] = field(default_factory=dict)
    """Signs between or before numbers and words: '+', '=', '&', '×'."""
    number_signs: Mapping[str, str] = field(default_factory=dict)
    """Signs that only count right before a number: '№', '§', '#'."""
    url_words: Mapping[str, str] = field(default_factory=dict)
    """'.', '/', '@', '-', '_', ':' and so on in addresses; without '.' and '@' none is read."""
    version: str = ""
    """The word for the v of v2.0."""
    version_point: str = ""
    """The word for its dots, if it isn't `point`."""
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    final_abbreviations: Collection[str] = ()
    """Those whose dot may end a sentence as well: 'etc.'."""
    romans: Mapping[str, str | None] = field(default_factory=dict)
    """Words before a roman numeral, as regular expressions, and the gender of the ordinal; None: a cardinal."""
    roman_joint: str = " "
    """Between a name and its ordinal: ' the '."""
    in_context: Callable[[re.Match[str], Amount], str | None] | None = None
    """A plain number by what stands around it (gender, case, years); None: as anywhere."""
    phone_group: Callable[[str], str] | None = None
    """Digits of a telephone number that stand together; else one by one."""

    def cardinal(self, number: int, gender: str = "") -> str:
        """The number as words; digit by digit if it is longer than numbers are."""
        rules = self.cardinals.get(gender) or self.cardinals[""]
        return spelled(self.code, number, rules) if number < 10**LONGEST else self.digits(str(number))

    def ordinal(self, number: int, gender: str = "") -> str:
        """'Third'."""
        rules = self.ordinals.get(gender) or self.ordinals[""]
        return spelled(self.code, number, rules) if number < 10**LONGEST else self.digits(str(number))

    def digits(self, text: str) -> str:
        """Each digit by itself."""
        return spelled_digits(self.code, text, self.cardinals[""])

    def said_year(self, number: int) -> str:
        """A year by itself."""
        return self.year(number) if self.year else self.cardinal(number)

    def parsed(self, text: str) -> Amount:
        """What `number` matched."""
        return amount(text, self.decimal, self.groups)

    def amount(self, count: Amount, gender: str = "") -> str:
        """A number with its sign and decimals; '007' digit by digit."""
        is_code = len(count.digits) > 1 and count.digits.startswith("0")
        words = self.digits(count.digits) if is_code else self.cardinal(count.whole, "" if count.fraction else gender)
        if count.fraction:
            words = f"{words} {self.point} {self._after_point(count.fraction)}"
        return f"{self.minus} {words}" if count.is_negative else words

    def _after_point(self, digits: str) -> str:
        zeros = len(digits) - len(digits.lstrip("0"))
        if not self.is_fraction_a_number or len(digits) - zeros not in (1, 2, 3):
            return self.digits(digits)
        return " ".join([*[self.digits("0")] * zeros, self.cardinal(int(digits))])

    def form(self, count: Amount, noun: Noun) -> str:
        """The noun's form beside that number."""
        return noun.forms[min(self.plural(count), len(noun.forms) - 1)]

    def counted(self, count: Amount, noun: Noun) -> str:
        """The number and the noun in its form."""
        return f"{self.amount(count, noun.gender)} {self.form(count, noun)}"

    def number(self, name: str) -> str:
        """A regular expression for a number, as a group of that name; START and END belong around it."""
        groups = "|".join(rf"\d{{1,3}}(?:{re.escape(sign)}\d{{3}}){{1,4}}" for sign in self.groups)
        whole = rf"(?:{groups}|\d{{1,{LONGEST}}})" if groups else rf"\d{{1,{LONGEST}}}"
        return rf"(?P<{name}>(?:(?<![%‰°)\]])[-−]|(?<![^\s(])(?<!\d\s)–)?{whole}(?:{re.escape(self.decimal)}\d{{1,{LONGEST}}})?)"


def any_of(words: Iterable[str]) -> str:
    """A regular expression for one of these, the longest first."""
    return "(?:" + "|".join(re.escape(one) for one in sorted(words, key=lambda one: (-len(one), one))) + ")"


_ENDED = re.compile(r"[\"'”’»)\]]*[ \t]*(?:\n|\Z)")


def lost_dot(match: re.Match[str]) -> str:
    """The dot of a sentence that ends with an abbreviation's, and so would lose it."""
    return "." if match.group().endswith(".") and _ENDED.match(match.string, match.end()) else ""
