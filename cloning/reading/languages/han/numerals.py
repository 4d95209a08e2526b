"""Numbers in Chinese characters, the Chinese and the Japanese way."""

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
LARGEST = 10**16
"""From here on numbers are read digit by digit."""


def digits(text: str, zero: str = "零", one: str = "一") -> str:
    """Each digit by itself; what isn't a digit is left out."""
    names = (zero, one, *_DIGITS[2:])
    return "".join(names[int(sign)] for sign in text if sign.isdecimal())


def chinese(number: int) -> str:
    """As in 一百零五, 十二, 两千."""
    words = _chinese(number)
    if words.startswith("一十"):
        words = words[1:]
    return "两" + words[1:] if words[:2] in ("二千", "二万", "二亿") else words


def _chinese(number: int) -> str:
    for unit, name in ((10**8, "亿"), (10**4, "万")):
        if number >= unit:
            high, low = divmod(number, unit)
            gap = "零" if 0 < low < unit // 10 else ""
            return _chinese(high) + name + gap + (_chinese(low) if low else "")
    return _section(number) or "零"


def _section(number: int) -> str:
    """Below ten thousand; inner zeros are said once."""
    text = str(number)
    words = "".join(
        _DIGITS[int(sign)] + _PLACES[len(text) - at - 1] if sign != "0" else "零" for at, sign in enumerate(text)
    )
    while "零零" in words:
        words = words.replace("零零", "零")
    return words.strip("零")


def japanese(number: int) -> str:
    """As in 百五, 千二十四, 一万, 一千万."""
    if number == 0:
        return "零"
    words = ""
    for unit, name in ((10**12, "兆"), (10**8, "億"), (10**4, "万"), (1, "")):
        section, number = divmod(number, unit)
        words += _japanese_section(section, is_large=unit > 1) + name if section else ""
    return words


def _japanese_section(number: int, *, is_large: bool) -> str:
    text = str(number)
    words = ""
    for at, sign in enumerate(text):
        place = _PLACES[len(text) - at - 1]
        is_silent = sign == "1" and place and not (place == "千" and is_large)
        words += "" if sign == "0" else ("" if is_silent else _DIGITS[int(sign)]) + place
    return words
