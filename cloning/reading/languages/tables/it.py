"""Italian words."""

from cloning.reading.european import Extras, by_gender, currencies, nouns, words
from cloning.reading.grammar import Noun

CURRENCIES = currencies(
    {
        "€ EUR euro Euro": ("m", "euro", "m", "centesimo/centesimi"),
        "$ US$ USD dollaro dollari": ("m", "dollaro/dollari", "m", "centesimo/centesimi"),
        "£ GBP": ("f", "sterlina/sterline", "m", "penny/pence"),
        "CHF": ("m", "franco svizzero/franchi svizzeri", "m", "centesimo/centesimi"),
        "¥ JPY": ("m", "yen"),
        "CN¥ CNY RMB": ("m", "yuan"),
        "₽ RUB": ("m", "rublo/rubli", "m", "copeco/copechi"),
        "₹ INR": ("f", "rupia/rupie"),
        "R$ BRL": ("m", "real/reais", "m", "centavo/centavos"),
        "₿ BTC": ("m", "bitcoin"),
    }
)
SCALES = nouns(
    {
        "mln": "milione/milioni", "Mln": "milione/milioni", "milione": "milione/milioni", "milioni": "milione/milioni",
        "mld": "miliardo/miliardi", "Mld": "miliardo/miliardi", "miliardo": "miliardo/miliardi", "miliardi": "miliardo/miliardi",
    },
    "m",
)  # fmt: skip
UNITS = {
    **nouns(
        {
            "km": "chilometro/chilometri", "m": "metro/metri", "dm": "decimetro/decimetri", "cm": "centimetro/centimetri",
            "mm": "millimetro/millimetri", "µm": "micrometro/micrometri", "nm": "nanometro/nanometri", "kg": "chilogrammo/chilogrammi",
            "g": "grammo/grammi", "mg": "milligrammo/milligrammi", "µg": "microgrammo/microgrammi", "hg": "ettogrammo/ettogrammi",
            "l": "litro/litri", "L": "litro/litri", "ml": "millilitro/millilitri", "mL": "millilitro/millilitri",
            "cl": "centilitro/centilitri", "hl": "ettolitro/ettolitri", "m²": "metro quadrato/metri quadrati",
            "m2": "metro quadrato/metri quadrati", "mq": "metro quadrato/metri quadrati", "km²": "chilometro quadrato/chilometri quadrati",
            "cm²": "centimetro quadrato/centimetri quadrati", "m³": "metro cubo/metri cubi", "m3": "metro cubo/metri cubi",
            "mc": "metro cubo/metri cubi", "cm³": "centimetro cubo/centimetri cubi", "ha": "ettaro/ettari",
            "km/h": "chilometro all'ora/chilometri all'ora", "m/s": "metro al secondo/metri al secondo",
            "°C": "grado Celsius/gradi Celsius", "° C": "grado Celsius/gradi Celsius", "°F": "grado Fahrenheit/gradi Fahrenheit",
            "°": "grado/gradi", "W": "watt", "kW": "chilowatt", "MW": "megawatt", "kWh": "chilowattora", "V": "volt", "Hz": "hertz",
            "kHz": "chilohertz", "MHz": "megahertz", "GHz": "gigahertz", "kB": "chilobyte", "KB": "chilobyte", "MB": "megabyte",
            "GB": "gigabyte", "TB": "terabyte", "Mbit/s": "megabit al secondo", "Mb/s": "megabit al secondo", "dB": "decibel",
            "min": "minuto/minuti", "s": "secondo/secondi", "sec": "secondo/secondi", "ms": "millisecondo/millisecondi", "px": "pixel",
            "CV": "cavallo/cavalli", "kJ": "chilojoule",
        },
        "m",
    ),
    **nouns({"t": "tonnellata/tonnellate", "h": "ora/ore", "kcal": "chilocaloria/chilocalorie"}, "f"),
}  # fmt: skip
MONTHS = (
    ("gennaio", "gen"), ("febbraio", "feb"), ("marzo",), ("aprile", "apr"), ("maggio",), ("giugno", "giu"),
    ("luglio", "lug"), ("agosto", "ago"), ("settembre", "sett"), ("ottobre", "ott"), ("novembre", "nov"), ("dicembre", "dic"),
)  # fmt: skip
ABBREVIATIONS = {
    "ad es.": "ad esempio", "p. es.": "per esempio", "p.es.": "per esempio", "per es.": "per esempio", "Sig.": "signor",
    "sig.": "signor", "Sig.ra": "signora", "sig.ra": "signora", "Sig.na": "signorina", "Sigg.": "signori", "Dott.": "dottor",
    "dott.": "dottor", "Dott.ssa": "dottoressa", "dott.ssa": "dottoressa", "Dr.": "dottor", "Prof.": "professor", "prof.": "professor",
    "Prof.ssa": "professoressa", "prof.ssa": "professoressa", "Avv.": "avvocato", "avv.": "avvocato", "Ing.": "ingegner",
    "ing.": "ingegner", "Geom.": "geometra", "On.": "onorevole", "Egr.": "egregio", "Gent.ma": "gentilissima", "ecc.": "eccetera",
    "etc.": "eccetera", "a.C.": "avanti Cristo", "a. C.": "avanti Cristo", "d.C.": "dopo Cristo", "d. C.": "dopo Cristo",
    "ca.": "circa", "c.a.": "circa", "tel.": "telefono", "cell.": "cellulare", "Tel.": "telefono", "S.p.A.": "società per azioni",
    "S.r.l.": "società a responsabilità limitata", "cfr.": "confronta", "v. s.": "vedi sopra", "P.za": "piazza", "V.le": "viale",
    "24/7": "ventiquattro sette", "24h/24": "ventiquattro ore su ventiquattro", "7/7": "sette giorni su sette",
}  # fmt: skip
FINAL = ("ecc.", "etc.", "a.C.", "a. C.", "d.C.", "d. C.", "S.p.A.", "S.r.l.", "ca.")
NUMBER_SIGNS = {
    "n.": "numero", "N.": "Numero", "n°": "numero", "N°": "Numero", "nº": "numero", "num.": "numero", "nn.": "numeri", "№": "numero",
    "#": "numero", "§": "paragrafo", "pag.": "pagina", "pagg.": "pagine", "p.": "pagina", "pp.": "pagine", "art.": "articolo",
    "artt.": "articoli", "cap.": "capitolo", "vol.": "volume", "fig.": "figura", "±": "più o meno", "≈": "circa", "~": "circa",
    "<": "meno di", ">": "più di", "≤": "al massimo", "≥": "almeno", "√": "radice di",
}  # fmt: skip
SIGNS = {
    "+": "più", "=": "uguale", "×": "per", "·": "per", "÷": "diviso", "−": "meno", "±": "più o meno", "≠": "diverso da",
    "≈": "circa uguale a", "<": "minore di", ">": "maggiore di", "≤": "minore o uguale a", "≥": "maggiore o uguale a", "&": "e",
    "@": "chiocciola", "→": "a",
}  # fmt: skip
URL_WORDS = {
    ".": "punto", "/": "barra", "@": "chiocciola", "-": "trattino", "_": "trattino basso", ":": "due punti", "?": "punto interrogativo",
    "=": "uguale", "&": "e", "#": "cancelletto", "+": "più", "%": "per cento", "~": "tilde", "www": "w w w",
}  # fmt: skip
EXTRAS = Extras(
    foot=Noun(("piede", "piedi"), "m"),
    inch=Noun(("pollice", "pollici"), "m"),
    score="a",
    point="punto",
    powers={"²": "al quadrato", "³": "al cubo", "^": "alla"},
    per="al",
    half={"": "mezzo", "f": "mezza"},
    of=" di ",
)
ROMANS = by_gender(
    {
        "m": (
            "Luigi Enrico Carlo Francesco Filippo Napoleone Paolo Giovanni Pio Benedetto Leone Gregorio Clemente Innocenzo Urbano "
            "Alessandro Nicola Niccolò Guglielmo Edoardo Giorgio Riccardo Federico Ferdinando Alfonso Sisto Giulio Emanuele Umberto Amedeo "
            "Alberto Leopoldo Cosimo Lorenzo Ottone Corrado Bonifacio Celestino Eugenio Martino Adriano Ramses Tolomeo Pietro Ivan secolo "
            "Secolo"
        ),
        "f": "Elisabetta Caterina Maria Isabella Giovanna Anna Margherita Vittoria Cristina",
        None: (
            "capitolo Capitolo tomo Tomo libro Libro atto Atto titolo Titolo parte Parte volume Volume allegato Allegato articolo "
            "Articolo fase Fase tipo livello Rocky scena Scena"
        ),
    }
)
MASCULINE = words(
    "problema sistema tema programma clima pianeta poeta dramma poema diploma dilemma sintomo artista turista giornalista cinema panorama "
    "schema fantasma aroma crimine"
)
FEMININE = words(
    "notte volta parte gente mano foto luce voce rete base frase fase morte legge chiave nave pelle croce parete moto radio auto stazione "
    "classe madre moglie neve valle torre serie crisi tesi specie"
)
FEMININE_ENDINGS = ("a", "zione", "sione", "tà", "tù")
NO_NOUNS = words(
    "a al allo alla ai agli alle con da dal dalla dai dalle di del dello della dei delle e ed o od in nel nella su sul sulla per tra fra "
    "che se come quando dove è era ha sono la una ma non già mila"
)
ORDINAL_STOPS = NO_NOUNS | words("rispetto gradi verso nord sud est ovest circa")
