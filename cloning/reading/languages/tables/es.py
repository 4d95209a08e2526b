"""Spanish words."""

from cloning.reading.european import Extras, by_gender, currencies, nouns, words
from cloning.reading.grammar import Noun

CURRENCIES = currencies(
    {
        "€ EUR euro euros": ("m", "euro/euros", "m", "céntimo/céntimos"),
        "$ US$ USD dólar dólares": ("m", "dólar/dólares", "m", "centavo/centavos"),
        "£ GBP libra libras": ("f", "libra/libras", "m", "penique/peniques"),
        "CHF": ("m", "franco suizo/francos suizos", "m", "céntimo/céntimos"),
        "MXN MX$": ("m", "peso mexicano/pesos mexicanos", "m", "centavo/centavos"),
        "ARS AR$": ("m", "peso argentino/pesos argentinos", "m", "centavo/centavos"),
        "peso pesos": ("m", "peso/pesos", "m", "centavo/centavos"),
        "S/": ("m", "sol/soles", "m", "céntimo/céntimos"),
        "¥ JPY": ("m", "yen/yenes"),
        "CN¥ CNY RMB": ("m", "yuan/yuanes"),
        "₽ RUB": ("m", "rublo/rublos"),
        "₹ INR": ("f", "rupia/rupias"),
        "R$ BRL": ("m", "real/reales", "m", "centavo/centavos"),
        "₿ BTC": ("m", "bitcoin/bitcoins"),
    }
)
PESO = currencies({"$": ("m", "peso/pesos", "m", "centavo/centavos")})
SCALES = nouns(
    {
        "M": "millón/millones", "millón": "millón/millones", "millones": "millón/millones", "mill.": "millón/millones",
        "mdd": "millón de dólares/millones de dólares",
    },
    "m",
)  # fmt: skip
UNITS = {
    **nouns(
        {
            "km": "kilómetro/kilómetros", "m": "metro/metros", "dm": "decímetro/decímetros", "cm": "centímetro/centímetros",
            "mm": "milímetro/milímetros", "µm": "micrómetro/micrómetros", "nm": "nanómetro/nanómetros", "kg": "kilogramo/kilogramos",
            "g": "gramo/gramos", "mg": "miligramo/miligramos", "µg": "microgramo/microgramos", "l": "litro/litros", "L": "litro/litros",
            "ml": "mililitro/mililitros", "mL": "mililitro/mililitros", "cl": "centilitro/centilitros", "hl": "hectolitro/hectolitros",
            "m²": "metro cuadrado/metros cuadrados", "m2": "metro cuadrado/metros cuadrados",
            "km²": "kilómetro cuadrado/kilómetros cuadrados", "cm²": "centímetro cuadrado/centímetros cuadrados",
            "m³": "metro cúbico/metros cúbicos", "m3": "metro cúbico/metros cúbicos", "cm³": "centímetro cúbico/centímetros cúbicos",
            "km/h": "kilómetro por hora/kilómetros por hora", "m/s": "metro por segundo/metros por segundo",
            "°C": "grado Celsius/grados Celsius", "ºC": "grado Celsius/grados Celsius", "°F": "grado Fahrenheit/grados Fahrenheit",
            "°": "grado/grados", "W": "vatio/vatios", "kW": "kilovatio/kilovatios", "MW": "megavatio/megavatios", "V": "voltio/voltios",
            "kWh": "kilovatio hora/kilovatios hora", "Hz": "hercio/hercios", "kHz": "kilohercio/kilohercios",
            "MHz": "megahercio/megahercios", "GHz": "gigahercio/gigahercios", "KB": "kilobyte/kilobytes", "kB": "kilobyte/kilobytes",
            "MB": "megabyte/megabytes", "GB": "gigabyte/gigabytes", "TB": "terabyte/terabytes", "dB": "decibelio/decibelios",
            "Mbps": "megabit por segundo/megabits por segundo", "Mb/s": "megabit por segundo/megabits por segundo",
            "min": "minuto/minutos", "s": "segundo/segundos", "seg": "segundo/segundos", "ms": "milisegundo/milisegundos",
            "kJ": "kilojulio/kilojulios", "px": "píxel/píxeles",
        },
        "m",
    ),
    **nouns(
        {
            "t": "tonelada/toneladas", "h": "hora/horas", "ha": "hectárea/hectáreas", "kcal": "kilocaloría/kilocalorías",
            **dict.fromkeys(("cda", "cda.", "cdas", "cdas."), "cucharada/cucharadas"),
            **dict.fromkeys(("cdta", "cdta.", "cdtas", "cdtas.", "cdita.", "cditas."), "cucharadita/cucharaditas"),
            "hs": "hora/horas", "lb": "libra/libras", "oz": "onza/onzas",
        },
        "f",
    ),
}  # fmt: skip
MONTHS = (
    ("enero", "ene"), ("febrero", "feb"), ("marzo",), ("abril", "abr"), ("mayo",), ("junio", "jun"), ("julio", "jul"),
    ("agosto", "ago"), ("septiembre", "setiembre", "sept", "sep"), ("octubre", "oct"), ("noviembre", "nov"), ("diciembre", "dic"),
)  # fmt: skip
ABBREVIATIONS = {
    "p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "p.\u00a0ej.": "por ejemplo", "Sr.": "señor", "Sra.": "señora", "Sres.": "señores",
    "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora", "Prof.": "profesor", "Profa.": "profesora", "Ud.": "usted",
    "Uds.": "ustedes", "Vd.": "usted", "Vds.": "ustedes", "etc.": "etcétera", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos",
    "EE.\u00a0UU.": "Estados Unidos", "EEUU": "Estados Unidos", "a. C.": "antes de Cristo", "a.C.": "antes de Cristo",
    "d. C.": "después de Cristo", "d.C.": "después de Cristo", "aprox.": "aproximadamente", "Avda.": "avenida", "Av.": "avenida",
    "tel.": "teléfono", "Tel.": "teléfono", "S. A.": "sociedad anónima", "S.A.": "sociedad anónima", "a. m.": "de la mañana",
    "a.m.": "de la mañana", "p. m.": "de la tarde", "p.m.": "de la tarde", "dpto.": "departamento", "Ing.": "ingeniero",
    "Lic.": "licenciado", "24/7": "veinticuatro siete",
}  # fmt: skip
FINAL = (
    "etc.", "EE. UU.", "EE.UU.", "a. C.", "a.C.", "d. C.", "d.C.", "S. A.", "S.A.", "Ud.", "Uds.", "Vd.", "Vds.", "a. m.", "a.m.",
    "p. m.", "p.m.",
)  # fmt: skip
NUMBER_SIGNS = {
    "n.º": "número", "N.º": "Número", "nº": "número", "Nº": "Número", "n°": "número", "N°": "Número", "núm.": "número", "№": "número",
    "#": "número", "§": "párrafo", "pág.": "página", "págs.": "páginas", "p.": "página", "pp.": "páginas",
    "art.": "artículo", "cap.": "capítulo", "vol.": "volumen", "fig.": "figura", "±": "más menos", "≈": "unos", "~": "unos",
    "<": "menos de", ">": "más de", "≤": "como mucho", "≥": "al menos", "√": "raíz de",
}  # fmt: skip
SIGNS = {
    "+": "más", "=": "es igual a", "×": "por", "·": "por", "÷": "entre", "−": "menos", "±": "más menos", "≠": "es distinto de",
    "≈": "es aproximadamente", "<": "es menor que", ">": "es mayor que", "≤": "es menor o igual que", "≥": "es mayor o igual que",
    "&": "y", "@": "arroba", "→": "a",
}  # fmt: skip
URL_WORDS = {
    ".": "punto", "/": "barra", "@": "arroba", "-": "guion", "_": "guion bajo", ":": "dos puntos", "?": "signo de interrogación",
    "=": "igual", "&": "y", "#": "almohadilla", "+": "más", "%": "por ciento", "~": "tilde", "www": "w w w",
}  # fmt: skip
EXTRAS = Extras(
    foot=Noun(("pie", "pies"), "m"),
    inch=Noun(("pulgada", "pulgadas"), "f"),
    score="a",
    point="punto",
    powers={"²": "al cuadrado", "³": "al cubo", "^": "elevado a"},
    per="por",
    half={"": "medio", "f": "media"},
    of=" de ",
)
ROMANS = by_gender(
    {
        "king": (
            "Felipe Alfonso Carlos Fernando Juan Pablo Pío Benedicto León Gregorio Enrique Luis Francisco Pedro Jaime Sancho Ramiro "
            "Guillermo Jorge Eduardo Ricardo Napoleón Nicolás Alejandro Federico José Inocencio Clemente Urbano Sixto Julio Alberto "
            "Leopoldo Balduino Ramsés Maximiliano Manuel Luis Jacobo siglo Siglo"
        ),
        "queen": "Isabel Catalina María Ana Cristina Juana Margarita Blanca Victoria Beatriz",
        None: (
            "capítulo Capítulo tomo Tomo libro Libro acto Acto título Título parte Parte volumen Volumen anexo Anexo artículo Artículo "
            "fase Fase tipo nivel Rocky"
        ),
    }
)
MASCULINE = words(
    "día días problema problemas sistema sistemas tema temas programa programas idioma idiomas mapa mapas clima planeta planetas poeta "
    "poetas drama dramas poema poemas diploma diplomas dilema síntoma síntomas teorema teoremas cura telegrama kilogramas atleta atletas "
    "artista artistas turista turistas periodista periodistas futbolista futbolistas tranvía tranvías fantasma fantasmas esquema esquemas "
    "gramas crucigrama aroma aromas papa papas cometa cometas sofá sofás dálmata dálmatas"
)
FEMININE = words(
    "mujer mujeres noche noches vez veces clase clases parte partes calle calles gente tarde tardes mano manos foto fotos flor flores "
    "llave llaves torre torres nube nubes leche serie series nave naves imagen imágenes ley leyes luz luces voz voces red redes "
    "base bases frase frases fase fases carne carnes sangre muerte muertes suerte fuente fuentes moto motos radio radios señal señales "
    "cárcel cárceles piel pieles sal razón razones cruz cruces pared paredes orden órdenes tesis crisis dosis"
)
FEMININE_ENDINGS = ("a", "as", "ción", "ciones", "sión", "siones", "dad", "dades", "tud", "tudes", "umbre", "umbres")
NO_NOUNS = words(
    "a al ante bajo con contra de del desde en entre hacia hasta para por según sin sobre tras y e o u ni que si como cuando donde es "
    "son era eran fue fueron está están ya la las una esta esa aquella nada cada ha hay va da esta estaba había podía ahora nunca"
)
