"""German words."""

from cloning.reading.european import Extras, by_gender, currencies, nouns, words
from cloning.reading.grammar import Noun

CURRENCIES = currencies(
    {
        "€ EUR Euro": ("m", "Euro", "m", "Cent"),
        "$ US$ USD Dollar": ("m", "Dollar", "m", "Cent"),
        "£ GBP Pfund": ("n", "Pfund", "m", "Penny/Pence"),
        "CHF SFr. Franken": ("m", "Schweizer Franken", "m", "Rappen"),
        "¥ JPY Yen": ("m", "Yen"),
        "CN¥ CNY RMB Yuan": ("m", "Yuan"),
        "₽ RUB Rubel": ("m", "Rubel", "f", "Kopeke/Kopeken"),
        "₹ INR Rupien": ("f", "Rupie/Rupien", "m", "Paisa"),
        "R$ BRL": ("m", "Real/Reais", "m", "Centavo/Centavos"),
        "₺ TRY": ("f", "türkische Lira/türkische Lira"),
        "zł PLN": ("m", "Zloty"),
        "₩ KRW": ("m", "Won"),
        "₿ BTC": ("m", "Bitcoin"),
    }
)
SCALES = {
    **nouns({"Tsd.": "tausend"}),
    **nouns(
        {
            "Mio.": "Million/Millionen", "Mio": "Million/Millionen", "Million": "Million/Millionen", "Millionen": "Million/Millionen",
            "Mrd.": "Milliarde/Milliarden", "Mrd": "Milliarde/Milliarden", "Milliarde": "Milliarde/Milliarden",
            "Milliarden": "Milliarde/Milliarden",
        },
        "f",
    ),
}  # fmt: skip
UNITS = {
    **nouns(
        {
            "km": "Kilometer", "m": "Meter", "dm": "Dezimeter", "cm": "Zentimeter", "mm": "Millimeter", "µm": "Mikrometer",
            "nm": "Nanometer", "l": "Liter", "L": "Liter", "ml": "Milliliter", "cl": "Zentiliter", "hl": "Hektoliter",
            "m²": "Quadratmeter", "m2": "Quadratmeter", "qm": "Quadratmeter", "km²": "Quadratkilometer", "cm²": "Quadratzentimeter",
            "m³": "Kubikmeter", "m3": "Kubikmeter", "cm³": "Kubikzentimeter", "ha": "Hektar", "km/h": "Kilometer pro Stunde",
            "m/s": "Meter pro Sekunde", "°C": "Grad Celsius", "° C": "Grad Celsius", "°F": "Grad Fahrenheit", "°": "Grad", "Zoll": "Zoll", "ct": "Cent", "Cent": "Cent",
            "Uhr": "Uhr", "EL": "Esslöffel", "TL": "Teelöffel",
        },
        "m",
    ),
    **nouns(
        {
            "kg": "Kilogramm", "g": "Gramm", "mg": "Milligramm", "µg": "Mikrogramm", "W": "Watt", "kW": "Kilowatt", "MW": "Megawatt",
            "V": "Volt", "kV": "Kilovolt", "mA": "Milliampere", "Hz": "Hertz", "kHz": "Kilohertz", "MHz": "Megahertz", "GHz": "Gigahertz",
            "kB": "Kilobyte", "KB": "Kilobyte", "MB": "Megabyte", "GB": "Gigabyte", "TB": "Terabyte", "Mbit/s": "Megabit pro Sekunde",
            "Gbit/s": "Gigabit pro Sekunde", "dB": "Dezibel", "hPa": "Hektopascal", "bar": "Bar", "kJ": "Kilojoule", "lb": "Pfund",
            "PS": "PS", "px": "Pixel", "dpi": "dpi",
        },
        "n",
    ),
    **nouns(
        {
            "t": "Tonne/Tonnen", "h": "Stunde/Stunden", "Std.": "Stunde/Stunden", "min": "Minute/Minuten", "Min.": "Minute/Minuten",
            "s": "Sekunde/Sekunden", "Sek.": "Sekunde/Sekunden", "ms": "Millisekunde/Millisekunden", "kcal": "Kilokalorie/Kilokalorien",
            "kWh": "Kilowattstunde/Kilowattstunden", "MWh": "Megawattstunde/Megawattstunden",
        },
        "f",
    ),
}  # fmt: skip
MONTHS = (
    ("Januar", "Jänner", "Jan"), ("Februar", "Feb"), ("März", "Mrz"), ("April", "Apr"), ("Mai",), ("Juni", "Jun"), ("Juli", "Jul"),
    ("August", "Aug"), ("September", "Sept", "Sep"), ("Oktober", "Okt"), ("November", "Nov"), ("Dezember", "Dez"),
)  # fmt: skip
ABBREVIATIONS = {
    "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "z.\u00a0B.": "zum Beispiel", "z.\u202fB.": "zum Beispiel",
    "d. h.": "das heißt", "d.h.": "das heißt", "d.\u00a0h.": "das heißt", "u. a.": "unter anderem", "u.a.": "unter anderem",
    "u.\u00a0a.": "unter anderem", "o. Ä.": "oder Ähnliches", "o.Ä.": "oder Ähnliches", "i. d. R.": "in der Regel",
    "i.d.R.": "in der Regel", "v. a.": "vor allem", "v.a.": "vor allem", "v. Chr.": "vor Christus", "n. Chr.": "nach Christus",
    "s. o.": "siehe oben", "s. u.": "siehe unten", "s.o.": "siehe oben", "s.u.": "siehe unten", "z. T.": "zum Teil", "z.T.": "zum Teil",
    "u. U.": "unter Umständen", "usw.": "und so weiter", "etc.": "et cetera", "bzw.": "beziehungsweise", "ca.": "circa",
    "vgl.": "vergleiche", "evtl.": "eventuell", "ggf.": "gegebenenfalls", "inkl.": "inklusive", "exkl.": "exklusive",
    "sog.": "sogenannt", "zzgl.": "zuzüglich", "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Dipl.-Ing.": "Diplom-Ingenieur",
    "geb.": "geboren", "gest.": "gestorben", "Tel.": "Telefon", "Jh.": "Jahrhundert", "Jhd.": "Jahrhundert", "jr.": "junior", "Aufl.": "Auflage",
    "24/7": "vierundzwanzig sieben", "7/24": "sieben vierundzwanzig",
}  # fmt: skip
FINAL = ("usw.", "etc.", "o. Ä.", "o.Ä.", "Jh.", "Jhd.", "v. Chr.", "n. Chr.", "u. a.", "u.a.", "s. o.", "s. u.", "jr.")
NUMBER_SIGNS = {
    "§§": "Paragrafen", "§": "Paragraf", "№": "Nummer", "#": "Nummer", "Nr.": "Nummer", "Nr": "Nummer", "S.": "Seite", "Kap.": "Kapitel",
    "Abb.": "Abbildung", "Bd.": "Band", "Art.": "Artikel", "Abs.": "Absatz", "Tab.": "Tabelle", "Ziff.": "Ziffer", "±": "plus minus",
    "≈": "ungefähr", "~": "ungefähr", "<": "kleiner als", ">": "größer als", "≤": "höchstens", "≥": "mindestens", "√": "Wurzel aus",
}  # fmt: skip
SIGNS = {
    "+": "plus", "=": "ist gleich", "×": "mal", "·": "mal", "÷": "geteilt durch", "−": "minus", "±": "plus minus", "≠": "ist ungleich",
    "≈": "ist ungefähr", "<": "ist kleiner als", ">": "ist größer als", "≤": "ist höchstens", "≥": "ist mindestens", "&": "und", "@": "ät",
    "→": "nach",
}  # fmt: skip
URL_WORDS = {
    ".": "Punkt", "/": "Schrägstrich", "@": "ät", "-": "Minus", "_": "Unterstrich", ":": "Doppelpunkt", "?": "Fragezeichen",
    "=": "gleich", "&": "und", "#": "Raute", "+": "plus", "%": "Prozent", "~": "Tilde", "www": "w w w",
}  # fmt: skip
_QUEENS = "Elisabeth Katharina Maria Anna Margarethe Christina Isabella Viktoria Charlotte"
_KINGS = (
    "Wilhelm Friedrich Heinrich Karl Ludwig Otto Johannes Johann Paul Benedikt Pius Franz Josef Joseph Georg Leopold Ferdinand "
    "Maximilian Rudolf Konrad Philipp Peter Alexander Nikolaus Leo Gregor Innozenz Clemens Urban Franziskus August Albrecht "
    "Christian Gustav Iwan Eduard Jakob Richard Napoleon Sixtus Julius Harald Charles"
)
KINGS = {
    **dict.fromkeys(_KINGS.split(), ("der", "dem")),
    **{f"{name}s": ("des", "dem") for name in _KINGS.split()},
    **dict.fromkeys(_QUEENS.split(), ("die", "der")),
}
"""The articles of their ordinals, in the nominative (of the form with -s the genitive) and after a preposition."""
MONTH_NAMES = frozenset(name for names in MONTHS for name in names)
ROMANS = by_gender({None: "Kapitel Teil Band Akt Buch Artikel Klasse Stufe Phase Typ Tafel Anhang"})
EXTRAS = Extras(
    foot=Noun(("Fuß",), "m"),
    inch=Noun(("Zoll",), "m"),
    score="zu",
    point="Punkt",
    powers={"²": "Quadrat", "³": "hoch drei", "^": "hoch"},
    per="pro",
    half={"": "ein halber", "n": "ein halbes", "f": "eine halbe"},
    of=" ",
    hashtag="Hashtag",
)
DATIVE = words(
    "am im vom zum zur beim dem den des einem einen meinem meinen seinem seinen ihrem ihren diesem diesen jedem jeden bis seit ab nach "
    "unserem unseren deinem deinen keinem keinen jenem jenen einer meiner seiner ihrer dieser unserer"
)
"""After these an ordinal ends in -n."""
STARTERS = words(
    "Dann Danach Der Die Das Er Sie Es Wir Ich Aber Und Doch In Im Am An Auf Mit So Da Jetzt Nun Als Wenn Was Wer Wie Nach Ein Eine"
)
"""Words that begin a sentence; a number before them ends one."""
PREPOSITIONS = words("in an auf mit von zu nach aus bei vor seit während über unter hinter neben ab laut wegen trotz")
"""Before 'der' these make it a dative or genitive."""
FEMININE = words(
    "Stunde Minute Sekunde Woche Frau Person Tasse Flasche Million Milliarde Seite Nacht Stadt Tonne Zeile Stimme Stufe Frage Katze Blume "
    "Karte Aufgabe Antwort Idee Liga Klasse Etage Auflage Ausgabe Staffel Folge Chance Stelle Runde Phase Version Generation Reihe Hälfte "
    "Wahl Reise Schicht Welle Lesung Sitzung Bundesliga Strophe Sinfonie Symphonie Straße Spalte Kugel Portion Dose Packung Mahlzeit Zeit Aufl"
)
NEUTER = words(
    "Mal Jahr Kind Haus Buch Kapitel Jahrhundert Jahrtausend Quartal Semester Halbjahr Geschlecht Obergeschoss Spiel Tor Drittel Viertel "
    "Lebensjahr Auto Bild Wort Beispiel Zimmer Stück Tier Glas Ei Gebot Reich Jh Jhd"
)
ORDINAL_NOUNS = (
    FEMININE
    | NEUTER
    | words(
        "Platz Rang Stock Weltkrieg Tag Monat Geburtstag Versuch Teil Band Akt Satz Sieg Punkt Schritt Grad Durchgang Spieltag "
        "Bundestag Bezirk Senat OG UG FC SC SV"
    )
)
