"""English words for signs, money, units and abbreviations."""

from cloning.reading.grammar import Currency, Noun

MONTHS = (
    ("January", "Jan"),
    ("February", "Feb"),
    ("March", "Mar"),
    ("April", "Apr"),
    ("May",),
    ("June", "Jun"),
    ("July", "Jul"),
    ("August", "Aug"),
    ("September", "Sept", "Sep"),
    ("October", "Oct"),
    ("November", "Nov"),
    ("December", "Dec"),
)


def _noun(one: str, many: str = "") -> Noun:
    return Noun((one, many or f"{one}s"))


_CENTS = _noun("cent")
_DOLLARS = Currency(_noun("dollar"), _CENTS)
_POUNDS = Currency(_noun("pound"), Noun(("penny", "pence")))
_EUROS = Currency(_noun("euro"), _CENTS)
_YEN = Currency(Noun(("yen",)))
_YUAN = Currency(Noun(("yuan",)))
_RUPEES = Currency(_noun("rupee"), Noun(("paisa", "paise")))
_ROUBLES = Currency(_noun("ruble"), _noun("kopeck"))
_REAIS = Currency(_noun("real", "reais"), _noun("centavo"))
_FRANCS = Currency(_noun("Swiss franc"), _noun("centime"))


def _dollars_of(country: str) -> Currency:
    return Currency(_noun(f"{country} dollar"), _CENTS)


CURRENCIES = {
    "$": _DOLLARS, "£": _POUNDS, "€": _EUROS, "¥": _YEN, "₹": _RUPEES, "₽": _ROUBLES, "R$": _REAIS, "CHF": _FRANCS,
    "US$": _dollars_of("US"), "USD": _dollars_of("US"), "A$": _dollars_of("Australian"), "AU$": _dollars_of("Australian"),
    "AUD": _dollars_of("Australian"), "C$": _dollars_of("Canadian"), "CA$": _dollars_of("Canadian"),
    "CAD": _dollars_of("Canadian"), "NZ$": _dollars_of("New Zealand"), "NZD": _dollars_of("New Zealand"),
    "HK$": _dollars_of("Hong Kong"), "HKD": _dollars_of("Hong Kong"), "S$": _dollars_of("Singapore"),
    "GBP": Currency(_noun("British pound"), Noun(("penny", "pence"))), "EUR": _EUROS, "JPY": _YEN, "CNY": _YUAN, "RMB": _YUAN,
    "INR": Currency(_noun("Indian rupee"), Noun(("paisa", "paise"))), "Rs.": _RUPEES, "Rs": _RUPEES, "RUB": _ROUBLES, "BRL": _REAIS,
    "SEK": Currency(_noun("Swedish krona", "Swedish kronor")), "NOK": Currency(_noun("Norwegian krone", "Norwegian kroner")),
    "DKK": Currency(_noun("Danish krone", "Danish kroner")), "PLN": Currency(_noun("zloty", "zlotys")),
    "zł": Currency(_noun("zloty", "zlotys")), "MXN": Currency(_noun("Mexican peso"), _noun("centavo")),
    "KRW": Currency(Noun(("won",))), "₩": Currency(Noun(("won",))), "₺": Currency(Noun(("lira",))),
    "₴": Currency(Noun(("hryvnia",))), "₪": Currency(_noun("shekel")), "₿": Currency(_noun("bitcoin")),
    "¢": Currency(_CENTS),
}  # fmt: skip
SCALES = {
    written: Noun((said,))
    for said, spellings in {
        "hundred": ("hundred",),
        "thousand": ("thousand", "k", "K"),
        "million": ("million", "mn", "m", "M", "mil"),
        "billion": ("billion", "bn", "B", "b"),
        "trillion": ("trillion", "tn", "T"),
    }.items()
    for written in spellings
}
_UNITS = {
    _noun("meter"): "m", _noun("kilometer"): "km", _noun("centimeter"): "cm", _noun("millimeter"): "mm",
    _noun("micrometer"): "µm μm", _noun("nanometer"): "nm", _noun("mile"): "mi", _noun("foot", "feet"): "ft",
    _noun("yard"): "yd yds", _noun("kilogram"): "kg", _noun("gram"): "g", _noun("milligram"): "mg",
    _noun("microgram"): "µg μg mcg", _noun("pound"): "lb lbs", _noun("ounce"): "oz", _noun("liter"): "L l",
    _noun("milliliter"): "ml mL", _noun("centiliter"): "cl", _noun("gallon"): "gal", _noun("pint"): "pt", _noun("quart"): "qt", _noun("teaspoon"): "tsp", _noun("tablespoon"): "tbsp Tbsp",
    _noun("kilometer per hour", "kilometers per hour"): "km/h kmh kph", _noun("mile per hour", "miles per hour"): "mph",
    _noun("meter per second", "meters per second"): "m/s", _noun("degree"): "°",
    _noun("degree Celsius", "degrees Celsius"): "°C ℃", _noun("degree Fahrenheit", "degrees Fahrenheit"): "°F ℉",
    Noun(("hertz",)): "Hz", Noun(("kilohertz",)): "kHz", Noun(("megahertz",)): "MHz", Noun(("gigahertz",)): "GHz",
    _noun("watt"): "W", _noun("kilowatt"): "kW", _noun("megawatt"): "MW", _noun("gigawatt"): "GW",
    _noun("kilowatt hour"): "kWh", _noun("volt"): "V", _noun("milliamp hour"): "mAh", _noun("kilobyte"): "kB KB",
    _noun("megabyte"): "MB", _noun("gigabyte"): "GB", _noun("terabyte"): "TB",
    _noun("kilobit per second", "kilobits per second"): "kbps", _noun("megabit per second", "megabits per second"): "Mbps",
    _noun("megabit"): "Mb", _noun("gigabit"): "Gb", _noun("gigabit per second", "gigabits per second"): "Gbps", _noun("pixel"): "px",
    _noun("revolution per minute", "revolutions per minute"): "rpm", _noun("frame per second", "frames per second"): "fps",
    _noun("beat per minute", "beats per minute"): "bpm", _noun("hour"): "h hr hrs", _noun("minute"): "min mins",
    _noun("second"): "sec secs", _noun("millisecond"): "ms", _noun("square meter"): "m² m2", _noun("square kilometer"): "km²",
    _noun("square centimeter"): "cm²", _noun("cubic meter"): "m³ m3", _noun("cubic centimeter"): "cm³", _noun("hectare"): "ha",
    _noun("calorie"): "cal", _noun("kilocalorie"): "kcal", _noun("kilojoule"): "kJ", _noun("decibel"): "dB",
    _noun("pascal"): "Pa", _noun("hectopascal"): "hPa", _noun("kilopascal"): "kPa",
    _noun("pound per square inch", "pounds per square inch"): "psi", _noun("part per million", "parts per million"): "ppm",
}  # fmt: skip
UNITS = {
    **{written: noun for noun, spellings in _UNITS.items() for written in spellings.split()},
    "sq ft": _noun("square foot", "square feet"),
    "sq mi": _noun("square mile"),
    "fl oz": _noun("fluid ounce"),
}
SIGNS = {
    "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "−": "minus", "<": "is less than", ">": "is greater than",
    "≤": "is less than or equal to", "≥": "is greater than or equal to", "≈": "is approximately", "≠": "is not equal to",
    "±": "plus or minus", "&": "and", "@": "at",
}  # fmt: skip
NUMBER_SIGNS = {
    "#": "number", "№": "number", "No.": "number", "Nos.": "numbers", "§": "section", "§§": "sections", "~": "about",
    "≈": "about", "±": "plus or minus", ">": "more than", "<": "less than", "≥": "at least", "≤": "at most", "×": "times",
    "Fig.": "figure", "fig.": "figure", "p.": "page", "pp.": "pages", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter",
    "ch.": "chapter", "Sec.": "section", "ext.": "extension", "©": "copyright",
}  # fmt: skip
URL_WORDS = {
    ".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark", "#": "hash",
    "&": "and", "=": "equals", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Prof.": "Professor", "Jr.": "Junior", "Sr.": "Senior", "vs.": "versus",
    "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is", "approx.": "approximately", "Inc.": "Incorporated",
    "Ltd.": "Limited", "Corp.": "Corporation", "Gov.": "Governor", "Capt.": "Captain", "Lt.": "Lieutenant", "Col.": "Colonel",
    "Sgt.": "Sergeant", "Rev.": "Reverend", "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Mt.": "Mount",
    "Dept.": "Department", "Univ.": "University", "w/o": "without", "w/": "with", "a.k.a.": "also known as", "et al.": "and others",
}  # fmt: skip
RULERS = [
    "Louis",
    "Henry",
    "Charles",
    "George",
    "Edward",
    "William",
    "Richard",
    "James",
    "Philip",
    "Napoleon",
    "Nicholas",
    "Alexander",
    "Catherine",
    "Elizabeth",
    "Mary",
    "Benedict",
    "Pius",
    "Gregory",
    "Leo",
    "Innocent",
    "Clement",
    "Urban",
    "Ivan",
    "Frederick",
    "Wilhelm",
    "Otto",
    "Ramses",
    "Ramesses",
    "Ptolemy",
    "Peter",
    "Xerxes",
    "Darius",
    "Selim",
    "Mehmed",
    "Murad",
    "Ferdinand",
    "Francis",
    "Leopold",
    "Albert",
    "Harald",
    "Haakon",
    "Gustav",
    "Alfonso",
    "Juan",
    "Pedro",
    "Umberto",
    "Victor",
    "Boniface",
    "Robert",
]
NUMBERED = (
    "World War|Chapter|Part|Act|Scene|Volume|Book|Section|Article|Phase|Type|Stage|Appendix|Title|Super Bowl|Episode|Level|Mark"
    "|Table|Figure|Final Fantasy|Rocky|Grand Theft Auto|Class|Vatican|Apollo"
)
PRODUCTS = "Python|Node|Java|iOS|iPadOS|Android|Windows|Ubuntu|Debian|macOS|PHP|Ruby|Go|[Vv]ersion|[Rr]elease|Django|React|Linux"
