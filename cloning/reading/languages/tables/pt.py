"""Portuguese words; Portugal's own come after Brazil's."""

from cloning.reading.european import Extras, by_gender, currencies, nouns, words
from cloning.reading.grammar import Noun

_CURRENCIES = {
    "R$ BRL real reais": ("m", "real/reais", "m", "centavo/centavos"),
    "$ US$ U$ USD dólar dólares": ("m", "dólar/dólares", "m", "centavo/centavos"),
    "£ GBP libra libras": ("f", "libra/libras", "m", "centavo/centavos"),
    "CHF": ("m", "franco suíço/francos suíços", "m", "centavo/centavos"),
    "¥ JPY": ("m", "iene/ienes"),
    "CN¥ CNY RMB": ("m", "yuan/yuans"),
    "₽ RUB": ("m", "rublo/rublos"),
    "₹ INR": ("f", "rupia/rupias"),
    "MT MZN": ("m", "metical/meticais", "m", "centavo/centavos"),
    "Kz AOA": ("m", "kwanza/kwanzas"),
    "₿ BTC": ("m", "bitcoin/bitcoins"),
}
CURRENCIES = currencies({**_CURRENCIES, "€ EUR euro euros": ("m", "euro/euros", "m", "centavo/centavos")})
CURRENCIES_PT = currencies({**_CURRENCIES, "€ EUR euro euros": ("m", "euro/euros", "m", "cêntimo/cêntimos")})
SCALES = nouns(
    {
        "mi": "milhão/milhões", "milhão": "milhão/milhões", "milhões": "milhão/milhões", "M": "milhão/milhões",
        "bi": "bilhão/bilhões", "bilhão": "bilhão/bilhões", "bilhões": "bilhão/bilhões", "tri": "trilhão/trilhões",
        "trilhão": "trilhão/trilhões", "trilhões": "trilhão/trilhões",
    },
    "m",
)  # fmt: skip
UNITS = {
    **nouns(
        {
            "km": "quilômetro/quilômetros", "m": "metro/metros", "dm": "decímetro/decímetros", "cm": "centímetro/centímetros",
            "mm": "milímetro/milímetros", "µm": "micrômetro/micrômetros", "nm": "nanômetro/nanômetros", "kg": "quilograma/quilogramas",
            "g": "grama/gramas", "mg": "miligrama/miligramas", "µg": "micrograma/microgramas", "l": "litro/litros", "L": "litro/litros",
            "ml": "mililitro/mililitros", "mL": "mililitro/mililitros", "cl": "centilitro/centilitros", "hl": "hectolitro/hectolitros",
            "m²": "metro quadrado/metros quadrados", "m2": "metro quadrado/metros quadrados",
            "km²": "quilômetro quadrado/quilômetros quadrados", "cm²": "centímetro quadrado/centímetros quadrados",
            "m³": "metro cúbico/metros cúbicos", "m3": "metro cúbico/metros cúbicos", "cm³": "centímetro cúbico/centímetros cúbicos",
            "ha": "hectare/hectares", "km/h": "quilômetro por hora/quilômetros por hora", "m/s": "metro por segundo/metros por segundo",
            "°C": "grau Celsius/graus Celsius", "ºC": "grau Celsius/graus Celsius", "°F": "grau Fahrenheit/graus Fahrenheit",
            "°": "grau/graus", "W": "watt/watts", "kW": "quilowatt/quilowatts", "MW": "megawatt/megawatts",
            "kWh": "quilowatt-hora/quilowatts-hora", "V": "volt/volts", "Hz": "hertz", "kHz": "quilohertz", "MHz": "megahertz",
            "GHz": "gigahertz", "kB": "kilobyte/kilobytes", "KB": "kilobyte/kilobytes", "MB": "megabyte/megabytes",
            "GB": "gigabyte/gigabytes", "TB": "terabyte/terabytes", "Mbps": "megabit por segundo/megabits por segundo",
            "dB": "decibel/decibéis", "min": "minuto/minutos", "s": "segundo/segundos", "seg": "segundo/segundos",
            "ms": "milissegundo/milissegundos", "px": "pixel/pixels", "kJ": "quilojoule/quilojoules",
        },
        "m",
    ),
    **nouns({"t": "tonelada/toneladas", "kcal": "quilocaloria/quilocalorias", "lb": "libra/libras"}, "f"),
}  # fmt: skip
UNITS_PT = {
    sign: Noun(
        tuple(form.replace("ilôm", "ilóm").replace("icrôm", "icróm").replace("anôm", "anóm") for form in noun.forms),
        noun.gender,
    )
    for sign, noun in UNITS.items()
}
MONTHS = (
    ("janeiro", "jan"), ("fevereiro", "fev"), ("março",), ("abril", "abr"), ("maio",), ("junho", "jun"), ("julho", "jul"),
    ("agosto", "ago"), ("setembro",), ("outubro", "out"), ("novembro", "nov"), ("dezembro", "dez"),
)  # fmt: skip
ABBREVIATIONS = {
    "p. ex.": "por exemplo", "p.ex.": "por exemplo", "por ex.": "por exemplo", "ex.:": "exemplo:", "Sr.": "senhor", "Sra.": "senhora",
    "Srs.": "senhores", "Srª": "senhora", "Srta.": "senhorita", "Dr.": "doutor", "Dra.": "doutora", "Prof.": "professor",
    "Profa.": "professora", "Profª": "professora", "Eng.": "engenheiro", "Exmo.": "excelentíssimo", "Exma.": "excelentíssima",
    "etc.": "et cetera", "a.C.": "antes de Cristo", "a. C.": "antes de Cristo", "d.C.": "depois de Cristo",
    "d. C.": "depois de Cristo", "Av.": "avenida", "tel.": "telefone", "Tel.": "telefone", "aprox.": "aproximadamente",
    "V. Exa.": "Vossa Excelência", "S.A.": "sociedade anônima", "Ltda.": "limitada", "EUA": "Estados Unidos",
    "24/7": "vinte e quatro por sete",
}  # fmt: skip
FINAL = ("etc.", "a.C.", "a. C.", "d.C.", "d. C.", "S.A.", "Ltda.")
NUMBER_SIGNS = {
    "n.º": "número", "N.º": "Número", "nº": "número", "Nº": "Número", "n°": "número", "N°": "Número", "núm.": "número", "№": "número",
    "#": "número", "§": "parágrafo", "§§": "parágrafos", "pág.": "página", "págs.": "páginas", "p.": "página", "pp.": "páginas",
    "art.": "artigo", "arts.": "artigos", "cap.": "capítulo", "vol.": "volume", "fig.": "figura", "±": "mais ou menos",
    "≈": "cerca de", "~": "cerca de", "<": "menos de", ">": "mais de", "≤": "no máximo", "≥": "no mínimo", "√": "raiz de",
}  # fmt: skip
SIGNS = {
    "+": "mais", "=": "é igual a", "×": "vezes", "·": "vezes", "÷": "dividido por", "−": "menos", "±": "mais ou menos",
    "≠": "é diferente de", "≈": "é aproximadamente", "<": "é menor que", ">": "é maior que", "≤": "é menor ou igual a",
    "≥": "é maior ou igual a", "&": "e", "@": "arroba", "→": "para",
}  # fmt: skip
URL_WORDS = {
    ".": "ponto", "/": "barra", "@": "arroba", "-": "hífen", "_": "sublinhado", ":": "dois-pontos", "?": "ponto de interrogação",
    "=": "igual", "&": "e", "#": "cerquilha", "+": "mais", "%": "por cento", "~": "til", "www": "w w w",
}  # fmt: skip
EXTRAS = Extras(
    foot=Noun(("pé", "pés"), "m"),
    inch=Noun(("polegada", "polegadas"), "f"),
    score="a",
    point="ponto",
    powers={"²": "ao quadrado", "³": "ao cubo", "^": "elevado a"},
    per="por",
    half={"": "meio", "f": "meia"},
    of=" de ",
)
ROMANS = by_gender(
    {
        "king": (
            "João Pedro Luís Luiz Manuel Carlos Paulo Afonso Sancho Dinis Fernando Henrique Sebastião Filipe Felipe José Miguel Duarte "
            "Pio Bento Leão Gregório Francisco Clemente Inocêncio Urbano Alexandre Nicolau Guilherme Eduardo Jorge Ricardo Napoleão "
            "Frederico Alberto Leopoldo Ramsés Ramessés Sisto Júlio Juan século Século"
        ),
        "queen": "Isabel Elizabeth Elisabete Catarina Maria Ana Joana Margarida Vitória Cristina",
        None: (
            "capítulo Capítulo tomo Tomo livro Livro ato Ato título Título parte Parte volume Volume anexo Anexo artigo Artigo fase Fase "
            "tipo nível Rocky inciso Inciso"
        ),
    }
)
MASCULINE = words(
    "dia dias problema problemas sistema sistemas tema temas programa programas idioma idiomas mapa mapas clima planeta planetas poeta "
    "poetas drama dramas poema poemas diploma diplomas dilema sintoma sintomas artista artistas turista turistas jornalista jornalistas "
    "cinema cinemas panorama esquema esquemas fantasma fantasmas aroma aromas quilograma quilogramas grama gramas telegrama telegramas "
    "atleta atletas papa sofá sofás chá chás guarda guardas"
)
FEMININE = words(
    "mulher mulheres noite noites vez vezes tarde tardes mão mãos foto fotos flor flores torre torres nave naves lei leis luz luzes voz "
    "vozes rede redes base bases frase frases fase fases carne carnes parte partes gente mãe mães irmã irmãs maçã maçãs manhã manhãs "
    "cor cores dor dores árvore árvores chave chaves morte mortes cruz cruzes parede paredes ordem ordens série séries crise crises "
    "classe classes moto motos chance chances equipe equipes"
)
FEMININE_ENDINGS = ("a", "as", "ção", "ções", "são", "sões", "dade", "dades", "gem", "gens", "tude", "tudes")
NO_NOUNS = words(
    "a à às ao aos com contra da das de do dos desde e em entre na nas no nos ou para pela pelas pelo pelos por que se sem sobre "
    "como quando onde é era foi são eram foram está estão já uma essa esta nada cada há"
)
