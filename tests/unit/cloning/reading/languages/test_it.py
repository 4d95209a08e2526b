"""How Italian is read."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "Ho {21|ventuno} libri e {42|quarantadue} penne."),
    ("cardinal", "{1|un} libro, {1|una} casa, {1|uno} studente, numero {1|uno}"),
    ("cardinal", "{101|centouno}, {38|trentotto}, {23|ventitré}"),
    ("cardinal", "{1.234.567|un milione duecentotrentaquattromilacinquecentosessantasette} abitanti"),
    (
        "cardinal",
        "{10.000|diecimila}, {10 000|diecimila}, {10\u00a0000|diecimila}, {10\u202f000|diecimila}, {10'000|diecimila}",
    ),
    ("cardinal", "{-5|meno cinque} o {−5|meno cinque}"),
    ("cardinal", "L'agente {007|zero zero sette}"),
    ("decimal", "Pi greco è {3,14|tre virgola quattordici}."),
    ("decimal", "{0,05|zero virgola zero cinque} e {1.234,5|milleduecentotrentaquattro virgola cinque}"),
    ("decimal", "un motore {3.5|tre punto cinque}"),
    ("ordinal", "il {1º|primo} e la {2ª|seconda}, il {3°|terzo} posto, la {4.ª|quarta}"),
    ("ordinal", "il {21º|ventunesimo}"),
    ("ordinal", "nel {XX|ventesimo} secolo, il secolo {XIX|diciannovesimo}"),
    ("year", "Nel {1998|millenovecentonovantotto} nacque."),
    ("year", "dal {2024|duemilaventiquattro}"),
    ("decade", "gli anni {'80|ottanta} e gli anni {90|novanta}"),
    ("money", "Costa {12,50 €|dodici euro e cinquanta}."),
    ("money", "{1 €|un euro}, {€ 21|ventuno euro}, {0,99 €|novantanove centesimi}"),
    ("money", "{1.234,56 €|milleduecentotrentaquattro euro e cinquantasei}"),
    ("money", "{5 mln €|cinque milioni di euro} e {1,5 mld|uno virgola cinque miliardi} di euro"),
    ("money", "{$12.50|dodici dollari e cinquanta}, {1 £|una sterlina}, {100 CHF|cento franchi svizzeri}"),
    ("percent", "il {5 %|cinque per cento}, {3,5%|tre virgola cinque per cento}"),
    ("time", "alle {14:30|quattordici e trenta}, alle {8:00|otto}, alle ore {21.15|ventuno e quindici}"),
    ("time", "all'{1:05|una e cinque}"),
    ("date", "l'{8 marzo|otto marzo} e il {1 maggio 2026|primo maggio duemilaventisei}"),
    ("date", "il {1°|primo} gennaio"),
    ("date", "il {03/05/2026|tre maggio duemilaventisei} e il {1/5/2026|primo maggio duemilaventisei}"),
    ("date", "{2026-03-05|cinque marzo duemilaventisei}"),
    ("range", "{10-20|dieci a venti} persone"),
    ("range", "{1998–2004|millenovecentonovantotto a duemilaquattro}"),
    ("phone", "{+39 06 1234567|più tre nove, zero sei, uno due tre quattro cinque sei sette}"),
    ("phone", "{555-1234|cinque cinque cinque, uno due tre quattro}"),
    ("unit", "{5 km|cinque chilometri}, {1 km|un chilometro}, {100 km/h|cento chilometri all'ora}"),
    ("unit", "{1,5 kg|uno virgola cinque chilogrammi} e {1 t|una tonnellata}"),
    ("unit", "{-5 °C|meno cinque gradi Celsius}, un angolo di {90°|novanta gradi}"),
    ("unit", "{50 m²|cinquanta metri quadrati}, {500 MB|cinquecento megabyte}"),
    ("fraction", "{1/2|un mezzo}, {3/4|tre quarti}, {2/3|due terzi}"),
    ("fraction", "{½|un mezzo}, {2 1/2|due e mezzo}, {1½|uno e mezzo}"),
    ("roman", "Luigi {XIV|quattordicesimo}, Giovanni Paolo {II|secondo}, Elisabetta {II|seconda}"),
    ("roman", "capitolo {IV|quattro}, la {II|seconda} guerra mondiale"),
    ("fraction", "{½ l|mezzo litro}, {3/4 kg|tre quarti di chilogrammo}"),
    ("time", "{9:00-18:00|nove a diciotto}"),
    ("date", "il {2 giugno|due giugno}, {1001|milleuno} notti"),
    ("version", "{v2.0.1|versione due punto zero punto uno}"),
    ("version", "Python {3.12.1|tre punto dodici punto uno}"),
    ("url", "Su {www.esempio.it|w w w punto esempio punto it}, certo."),
    ("url", "{https://esempio.it/aiuto|esempio punto it barra aiuto}"),
    ("email", "Scrivi a {info@esempio.it|info chiocciola esempio punto it}."),
    ("abbreviation", "{ad es.|ad esempio} il {Sig.|signor} Rossi e la {Sig.ra|signora} Bianchi, {ecc.|eccetera.}"),
    ("abbreviation", "{Dott.|dottor} Verdi, {n. 5|numero cinque}, {pag. 12|pagina dodici}"),
    ("abbreviation", "nel {44|quarantaquattro} {a.C.|avanti Cristo.}"),
    ("math", "{2|due} {+|più} {2|due} {=|uguale} {4|quattro}"),
    ("math", "{3|tre} {×|per} {4|quattro}, {± 5|più o meno cinque}"),
    ("sign", "{§ 5|paragrafo cinque}, Rossi {&|e} figli, {#3|numero tre}"),
    ("special", "Aperto {24/7|ventiquattro sette}."),
    ("special", "È alto {5'10\"|cinque piedi dieci pollici}."),
    ("date", "l'{1|uno} maggio, il {1 maggio|primo maggio}"),
)

AS_IT_WAS = ("Che bella giornata, perché no?", "MIX, CD e VI", "l'acqua dell'anno")


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_italian_is_read_as_an_italian_reads_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("it", text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_stay_as_they_are(text: str) -> None:
    """Character for character."""
    assert stays("it", text)
