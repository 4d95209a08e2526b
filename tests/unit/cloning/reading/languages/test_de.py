"""How German is read."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "Es kamen {21|einundzwanzig} Leute."),
    ("cardinal", "Die Antwort ist {42|zweiundvierzig}."),
    ("cardinal", "Es waren {21|einundzwanzig}. Dann ging er."),
    ("cardinal", "Wir zählen bis {5|fünf}. Dann nimm die {3|drei}. Danach ist Schluss mit {7|sieben}."),
    ("cardinal", "Platz {1|eins}"),
    ("cardinal", "nur {1|ein} Hund und {1|eine} Stunde"),
    ("cardinal", "{101|einhunderteins} Dalmatiner"),
    ("cardinal", "{1.234.567|eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig} Menschen"),
    (
        "cardinal",
        "{10.000|zehntausend}, {10 000|zehntausend}, {10\u00a0000|zehntausend}, {10\u202f000|zehntausend}, {10'000|zehntausend}",
    ),
    ("cardinal", "{-5|minus fünf} oder {−5|minus fünf}"),
    ("cardinal", "Agent {007|null null sieben}"),
    ("cardinal", "{1500|eintausendfünfhundert} Menschen"),
    ("decimal", "Pi ist {3,14|drei Komma eins vier}."),
    ("decimal", "{0,05|null Komma null fünf} und {1.234,5|eintausendzweihundertvierunddreißig Komma fünf}"),
    ("ordinal", "Der {3.|dritte} Versuch, am {2.|zweiten} Tag"),
    ("ordinal", "die {1.|erste} Wahl in der {3.|dritten} Klasse"),
    ("ordinal", "zum {5.|fünften} Mal"),
    ("ordinal", "im {19.|neunzehnten} Jahrhundert"),
    ("ordinal", "Der {2.|zweite} Weltkrieg"),
    ("ordinal", "{3.|dritter} Platz, {2.|zweite} Liga, {4.|viertes} Kapitel"),
    ("ordinal", "bis zum {15.|fünfzehnten}, am {3.|dritten} und {4. März|vierten März}"),
    ("year", "Im Jahr {1998|neunzehnhundertachtundneunzig} zog sie um."),
    ("year", "{1984|neunzehnhundertvierundachtzig} erschien es, {2005|zweitausendfünf} der Film."),
    ("year", "seit {2024|zweitausendvierundzwanzig}"),
    ("decade", "die {1990er|neunzehnhundertneunziger} Jahre und die {80er|achtziger}"),
    ("money", "Das kostet {12,50 €|zwölf Euro fünfzig}."),
    ("money", "{€ 5|fünf Euro} oder {1 €|ein Euro}"),
    ("money", "{0,99 €|neunundneunzig Cent}"),
    ("money", "{1.234,56 €|eintausendzweihundertvierunddreißig Euro sechsundfünfzig}"),
    ("money", "{5 Mio. €|fünf Millionen Euro} und {1,5 Mrd. Euro|eins Komma fünf Milliarden Euro}"),
    ("money", "{$12.50|zwölf Dollar fünfzig} und {20 CHF|zwanzig Schweizer Franken}"),
    ("percent", "{5 %|fünf Prozent}, {3,5%|drei Komma fünf Prozent}, {0,5 ‰|null Komma fünf Promille}"),
    ("time", "um {14:30 Uhr|vierzehn Uhr dreißig}, um {8:00 Uhr|acht Uhr}"),
    ("time", "um {14.30 Uhr|vierzehn Uhr dreißig}, um {1:05|ein Uhr fünf}, um {9 Uhr|neun Uhr}"),
    ("time", "von {8–10 Uhr|acht bis zehn Uhr}"),
    ("date", "am {3. März|dritten März}"),
    ("date", "Berlin, {3. März 2026|dritter März zweitausendsechsundzwanzig}"),
    (
        "date",
        "am {03.05.2026|dritten Mai zweitausendsechsundzwanzig}, am {3/4/2026|dritten April zweitausendsechsundzwanzig}",
    ),
    ("date", "Der {1.5.1999|erste Mai neunzehnhundertneunundneunzig} war ein Samstag."),
    ("date", "bis zum {2026-03-05|fünften März zweitausendsechsundzwanzig}"),
    ("date", "vom {3.|dritten} bis {5. März|fünften März}, {3.–5.|dritter bis fünfter} März"),
    ("range", "{10–20|zehn bis zwanzig} Personen"),
    ("range", "{1998–2004|neunzehnhundertachtundneunzig bis zweitausendvier}"),
    ("range", "Es steht {3:2|drei zu zwei}."),
    ("phone", "{Tel.|Telefon} {+49 30 1234567|plus vier neun, drei null, eins zwei drei vier fünf sechs sieben}"),
    ("phone", "{555-1234|fünf fünf fünf, eins zwei drei vier}"),
    ("unit", "{5 km|fünf Kilometer}, {1 km|ein Kilometer}, {100 km/h|einhundert Kilometer pro Stunde}"),
    ("unit", "{3,5 kg|drei Komma fünf Kilogramm} und {1 t|eine Tonne}"),
    ("unit", "{-5 °C|minus fünf Grad Celsius}, {90°|neunzig Grad}"),
    ("unit", "{50 m²|fünfzig Quadratmeter}, {500 MB|fünfhundert Megabyte}"),
    ("fraction", "{1/2|ein halb}, {3/4|drei Viertel}, {2/3|zwei Drittel}"),
    ("fraction", "{½|ein halber} Liter, {1/2|eine halbe} Stunde, {1½|eineinhalb} Stunden, {2 1/2|zweieinhalb} Jahre"),
    ("fraction", "{½ l|ein halber Liter}, {1/2 kg|ein halbes Kilogramm}, {1½ km|eineinhalb Kilometer}"),
    ("roman", "Kaiser Wilhelm {II.|der Zweite} dankte ab."),
    ("roman", "Königin Elisabeth {I.|die Erste} und Papst Johannes Paul {II.|der Zweite.}"),
    ("roman", "im {II.|zweiten} Weltkrieg, Kapitel {IV|vier}"),
    ("time", "Sa. {10.00–14.00 Uhr|zehn Uhr bis vierzehn Uhr}, {9:00–18:00|neun Uhr bis achtzehn Uhr}"),
    ("money", "{3,- €|drei Euro}, {50 ct|fünfzig Cent}"),
    ("roman", "{Bd. IV|Band vier}, im {19.|neunzehnten} {Jh.|Jahrhundert} und"),
    ("version", "{v2.0.1|Version zwei Punkt null Punkt eins}"),
    ("version", "Python {3.12.1|drei Punkt zwölf Punkt eins}"),
    ("url", "Auf {www.beispiel.de|w w w Punkt beispiel Punkt de} steht es."),
    ("url", "{https://beispiel.de/hilfe|beispiel Punkt de Schrägstrich hilfe}"),
    ("email", "Schreib an {info@firma.de|info ät firma Punkt de}."),
    ("abbreviation", "{z. B.|zum Beispiel} Obst, {d.h.|das heißt} Äpfel {usw.|und so weiter.}"),
    ("abbreviation", "{Dr.|Doktor} Müller, {Nr. 5|Nummer fünf}, {S. 12|Seite zwölf}"),
    ("abbreviation", "{ca.|circa} {20|zwanzig} Gäste {bzw.|beziehungsweise} Freunde"),
    ("math", "{2|zwei} {+|plus} {2|zwei} {=|ist gleich} {4|vier}"),
    ("math", "{3|drei} {×|mal} {4|vier}, {± 5|plus minus fünf}"),
    ("sign", "{§ 5|Paragraf fünf}, Müller {&|und} Sohn, {#3|Nummer drei}"),
    ("special", "Wir sind {24/7|vierundzwanzig sieben} da."),
    ("special", "Er ist {5'10\"|fünf Fuß zehn Zoll} groß."),
    ("money", "{50 €|fünfzig Euro} {3|drei} Mal, {20 Euro|zwanzig Euro} {30|dreißig} Gäste"),
    (
        "years",
        "Der Krieg {1914–18|neunzehnhundertvierzehn bis achtzehn}, {1914-18|neunzehnhundertvierzehn bis achtzehn}",
    ),
    (
        "ordinal",
        "im {3.|dritten} OG, der {1.|erste} FC Köln, die {2.|zweite} Bundesliga, am {10./11.|zehnten und elften} Mai",
    ),
    ("unit", "{2 EL|zwei Esslöffel} Öl, {1 TL|ein Teelöffel} Salz, {30 Min.|dreißig Minuten.}"),
    (
        "special",
        "{1x|einmal} täglich, {2-mal|zweimal}, {3fach|dreifach}, eine {20%|zwanzigprozent}ige Lösung, {3x|dreimal}",
    ),
)

AS_IT_WAS = ("Das Wetter ist schön.", "ein Kilo Äpfel und 🍎", "MIX und CD", "Das ist Fr. Und so.")


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_german_is_read_as_a_german_reads_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("de", text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_stay_as_they_are(text: str) -> None:
    """Character for character."""
    assert stays("de", text)
