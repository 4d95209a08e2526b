"""Russian ordinals in every gender, number and case. CLDR's rules lack round hundreds and thousands, and err with 3 and 40."""

from collections.abc import Callable

_STEMS = {
    0: "нулев", 1: "перв", 2: "втор", 4: "четвёрт", 5: "пят", 6: "шест", 7: "седьм", 8: "восьм", 9: "девят", 10: "десят",
    11: "одиннадцат", 12: "двенадцат", 13: "тринадцат", 14: "четырнадцат", 15: "пятнадцат", 16: "шестнадцат", 17: "семнадцат",
    18: "восемнадцат", 19: "девятнадцат", 20: "двадцат", 30: "тридцат", 40: "сороков", 50: "пятидесят", 60: "шестидесят",
    70: "семидесят", 80: "восьмидесят", 90: "девяност", 100: "сот", 200: "двухсот", 300: "трёхсот", 400: "четырёхсот", 500: "пятисот",
    600: "шестисот", 700: "семисот", 800: "восьмисот", 900: "девятисот",
}  # fmt: skip
_STRESSED = frozenset({0, 2, 6, 7, 8, 40})
"""Their ending is -ой."""
_ENDINGS = {
    "m": "ый", "f": "ая", "n": "ое", "p": "ые", "m-genitive": "ого", "m-dative": "ому", "m-accusative": "ый", "m-locative": "ом",
    "m-ablative": "ым", "f-genitive": "ой", "f-dative": "ой", "f-accusative": "ую", "f-locative": "ой", "f-ablative": "ой",
    "p-genitive": "ых", "p-dative": "ым", "p-accusative": "ые", "p-locative": "ых", "p-ablative": "ыми",
}  # fmt: skip
_THIRD = {
    "ый": "ий", "ая": "ья", "ое": "ье", "ые": "ьи", "ого": "ьего", "ому": "ьему", "ом": "ьем", "ым": "ьим", "ой": "ьей", "ую": "ью",
    "ых": "ьих", "ыми": "ьими",
}  # fmt: skip
_TEN, _TEENS, _HUNDRED, _THOUSAND, _MILLION = 10, 20, 100, 1000, 10**6
_JOINED = {1: "одно", 90: "девяносто", 100: "сто", 1000: "тысяче"}


def joined(number: int, genitive: Callable[[int], str]) -> str:
    """A number as the first part of a word: 'двадцатипяти' of 'двадцатипятилетний'."""
    return _JOINED.get(number) or genitive(number).replace("ста ", "сто").replace(" ", "").replace("одного", "одно")


def last_part(number: int) -> int:
    """The part of a number that becomes the ordinal: 8 of 1998, 90 of 1990."""
    if 0 < number % _HUNDRED < _TEENS:
        return number % _HUNDRED
    for size in (_TEN, _HUNDRED, _THOUSAND, _MILLION):
        if number % size:
            return number % size
    return number


def ordinal(number: int, form: str, cardinal: Callable[[int], str], genitive: Callable[[int], str]) -> str:
    """The ordinal in a form such as 'f-genitive'; cardinals and genitives come from the functions."""
    last = last_part(number)
    ending = _ENDINGS[form.replace("n-", "m-") if form != "n-accusative" else "n"]
    said = _last(last, ending, genitive)
    return f"{cardinal(number - last)} {said}" if number != last else said


def _last(number: int, ending: str, genitive: Callable[[int], str]) -> str:
    if number == len("три"):
        return f"трет{_THIRD[ending]}"
    stem = _STEMS.get(number)
    if stem:
        return stem + ("ой" if ending == "ый" and number in _STRESSED else ending)
    size, name = (_MILLION, "миллионн") if number % _MILLION == 0 else (_THOUSAND, "тысячн")
    count = number // size
    return ("" if count == 1 else joined(count, genitive)) + name + ending
