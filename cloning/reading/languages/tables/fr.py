"""French words."""

from cloning.reading.european import Extras, by_gender, currencies, nouns, words
from cloning.reading.grammar import Noun

CURRENCIES = currencies(
    {
        "€ EUR euro euros": ("m", "euro/euros", "m", "centime/centimes"),
        "k€ K€": ("m", "mille euros"),
        "$ US$ USD dollar dollars": ("m", "dollar/dollars", "m", "cent/cents"),
        "£ GBP": ("f", "livre/livres", "m", "penny/pence"),
        "CHF": ("m", "franc suisse/francs suisses", "m", "centime/centimes"),
        "CAD $CA": ("m", "dollar canadien/dollars canadiens", "m", "cent/cents"),
        "¥ JPY": ("m", "yen/yens"),
        "CN¥ CNY RMB": ("m", "yuan/yuans"),
        "₽ RUB": ("m", "rouble/roubles", "m", "kopeck/kopecks"),
        "₹ INR": ("f", "roupie/roupies"),
        "R$ BRL": ("m", "réal/réaux", "m", "centavo/centavos"),
        "zł PLN": ("m", "zloty/zlotys"),
        "₿ BTC": ("m", "bitcoin/bitcoins"),
    }
)
SCALES = nouns(
    {
        "M": "million/millions", "million": "million/millions", "millions": "million/millions", "Md": "milliard/milliards",
        "Mds": "milliard/milliards", "Mrd": "milliard/milliards", "milliard": "milliard/milliards", "milliards": "milliard/milliards",
    },
    "m",
)  # fmt: skip
UNITS = {
    **nouns(
        {
            "km": "kilomètre/kilomètres", "m": "mètre/mètres", "dm": "décimètre/décimètres", "cm": "centimètre/centimètres",
            "mm": "millimètre/millimètres", "µm": "micromètre/micromètres", "nm": "nanomètre/nanomètres", "kg": "kilogramme/kilogrammes",
            "g": "gramme/grammes", "mg": "milligramme/milligrammes", "µg": "microgramme/microgrammes", "l": "litre/litres",
            "L": "litre/litres", "ml": "millilitre/millilitres", "mL": "millilitre/millilitres", "cl": "centilitre/centilitres",
            "hl": "hectolitre/hectolitres", "m²": "mètre carré/mètres carrés", "m2": "mètre carré/mètres carrés",
            "km²": "kilomètre carré/kilomètres carrés", "cm²": "centimètre carré/centimètres carrés", "m³": "mètre cube/mètres cubes",
            "m3": "mètre cube/mètres cubes", "cm³": "centimètre cube/centimètres cubes", "ha": "hectare/hectares",
            "km/h": "kilomètre à l'heure/kilomètres à l'heure", "m/s": "mètre par seconde/mètres par seconde",
            "°C": "degré Celsius/degrés Celsius", "°F": "degré Fahrenheit/degrés Fahrenheit", "°": "degré/degrés", "W": "watt/watts",
            "kW": "kilowatt/kilowatts", "MW": "mégawatt/mégawatts", "kWh": "kilowattheure/kilowattheures", "V": "volt/volts",
            "Hz": "hertz", "kHz": "kilohertz", "MHz": "mégahertz", "GHz": "gigahertz", "Ko": "kilooctet/kilooctets",
            "ko": "kilooctet/kilooctets", "Mo": "mégaoctet/mégaoctets", "Go": "gigaoctet/gigaoctets", "To": "téraoctet/téraoctets",
            "MB": "mégaoctet/mégaoctets", "GB": "gigaoctet/gigaoctets", "TB": "téraoctet/téraoctets", "dB": "décibel/décibels",
            "Mbit/s": "mégabit par seconde/mégabits par seconde", "Mb/s": "mégabit par seconde/mégabits par seconde",
            "hPa": "hectopascal/hectopascals", "kJ": "kilojoule/kilojoules", "ch": "cheval/chevaux", "px": "pixel/pixels", "cts": "centime/centimes",
        },
        "m",
    ),
    **nouns(
        {
            **dict.fromkeys(("c. à s.", "c. à soupe", "càs"), "cuillère à soupe/cuillères à soupe"),
            **dict.fromkeys(("c. à c.", "c. à café", "càc"), "cuillère à café/cuillères à café"),
            "t": "tonne/tonnes", "h": "heure/heures", "min": "minute/minutes", "mn": "minute/minutes", "s": "seconde/secondes",
            "ms": "milliseconde/millisecondes", "kcal": "kilocalorie/kilocalories",
        },
        "f",
    ),
}  # fmt: skip
MONTHS = (
    ("janvier", "janv"), ("février", "févr", "fév"), ("mars",), ("avril", "avr"), ("mai",), ("juin",), ("juillet", "juil"), ("août",),
    ("septembre", "sept"), ("octobre", "oct"), ("novembre", "nov"), ("décembre", "déc"),
)  # fmt: skip
ABBREVIATIONS = {
    "p. ex.": "par exemple", "p.ex.": "par exemple", "p.\u00a0ex.": "par exemple", "par ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
    "c-à-d": "c'est-à-dire", "c.à.d.": "c'est-à-dire", "etc.": "et cetera", "Mme": "Madame", "Mmes": "Mesdames", "Mlle": "Mademoiselle",
    "Mlles": "Mesdemoiselles", "MM.": "Messieurs", "Mgr": "Monseigneur",
    "av. J.-C.": "avant Jésus-Christ", "apr. J.-C.": "après Jésus-Christ", "ap. J.-C.": "après Jésus-Christ",
    "J.-C.": "Jésus-Christ", "env.": "environ", "tél.": "téléphone", "Tél.": "Téléphone", "s.v.p.": "s'il vous plaît",
    "svp": "s'il vous plaît", "cf.": "confer", "24/7": "vingt-quatre sept", "Sté": "société", "Cie": "compagnie",
    "24h/24": "vingt-quatre heures sur vingt-quatre", "24 h/24": "vingt-quatre heures sur vingt-quatre",
    "7j/7": "sept jours sur sept", "7 j/7": "sept jours sur sept", "7/7": "sept jours sur sept",
}  # fmt: skip
FINAL = ("etc.", "av. J.-C.", "apr. J.-C.", "ap. J.-C.", "J.-C.", "s.v.p.")
NUMBER_SIGNS = {
    "n°": "numéro", "N°": "Numéro", "nº": "numéro", "№": "numéro", "#": "numéro", "§": "paragraphe",
    "§§": "paragraphes", "p.": "page", "pp.": "pages", "art.": "article", "chap.": "chapitre", "vol.": "volume", "fig.": "figure",
    "±": "plus ou moins", "≈": "environ", "~": "environ", "<": "moins de", ">": "plus de", "≤": "au plus", "≥": "au moins",
    "√": "racine de",
}  # fmt: skip
SIGNS = {
    "+": "plus", "=": "égale", "×": "fois", "·": "fois", "÷": "divisé par", "−": "moins", "±": "plus ou moins", "≠": "est différent de",
    "≈": "est environ", "<": "est inférieur à", ">": "est supérieur à", "≤": "est inférieur ou égal à", "≥": "est supérieur ou égal à",
    "&": "et", "@": "arobase", "→": "vers",
}  # fmt: skip
URL_WORDS = {
    ".": "point", "/": "barre oblique", "@": "arobase", "-": "tiret", "_": "tiret bas", ":": "deux-points", "?": "point d'interrogation",
    "=": "égale", "&": "et", "#": "dièse", "+": "plus", "%": "pour cent", "~": "tilde", "www": "w w w",
}  # fmt: skip
TITLES = {"M.": "Monsieur", "Dr": "docteur", "Pr": "professeur"}
"""They count only before a name."""
EXTRAS = Extras(
    foot=Noun(("pied", "pieds"), "m"),
    inch=Noun(("pouce", "pouces"), "m"),
    score="à",
    point="point",
    powers={"²": "au carré", "³": "au cube", "^": "puissance"},
    per="par",
    half={"": "un demi", "f": "une demi"},
    of=" de ",
)
ROMANS = by_gender(
    {
        None: (
            "Louis Henri Charles François Philippe Napoléon Jean-Paul Jean Paul Pie Benoît Léon Grégoire Clément Innocent Urbain Alexandre "
            "Nicolas Guillaume Édouard Georges Richard Frédéric Guillaume Élisabeth Elizabeth Élizabeth Elisabeth Catherine Marie Isabelle "
            "Christine Marguerite Pierre Ivan Jacques Robert Albert Léopold Baudouin Rainier Félipe Ferdinand Alphonse Sixte Jules "
            "Ramsès Ptolémée Xerxès Darius Victor-Emmanuel Charles-Albert Mohammed Hassan Abdallah "
            "chapitre Chapitre tome Tome livre Livre acte Acte scène Scène titre Titre partie Partie volume Volume annexe Annexe "
            "article Article phase Phase type niveau Paris Vatican Rocky"
        )
    }
)
FEMININE = words(
    "heure heures minute minutes seconde secondes journée journées semaine semaines année années fois femme femmes fille filles personne "
    "personnes page pages ligne lignes ville villes maison maisons voiture voitures chose choses place places partie parties question "
    "questions réponse réponses image images photo photos vidéo vidéos lettre lettres tonne tonnes tasse tasses bouteille bouteilles nuit "
    "nuits main mains étoile étoiles pomme pommes table tables chaise chaises chambre chambres pièce pièces famille familles équipe équipes "
    "entreprise entreprises voix victoire victoires défaite défaites livraison livraisons chanson chansons version versions édition "
    "éditions saison saisons nation nations région régions langue langues carte cartes clé clés école écoles église églises île îles "
    "bougie bougies rose roses fleur fleurs vache vaches poule poules souris brebis noix tranche tranches feuille feuilles cuillère "
    "cuillères étape étapes semaine marche marches minute rue rues route routes porte portes fenêtre fenêtres idée idées raison raisons "
    "façon façons erreur erreurs couleur couleurs valeur valeurs heure catégorie catégories phrase phrases histoire histoires"
)
