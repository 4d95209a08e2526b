"""How French is read, in France, Switzerland and Belgium."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "Elle a {21|vingt-et-un} ans."),
    ("cardinal", "{80|quatre-vingts} jours, {71|soixante-et-onze}, {99|quatre-vingt-dix-neuf}"),
    ("cardinal", "{1|un} livre, {1|une} heure, {21|vingt-et-une} personnes"),
    ("cardinal", "{1 234 567|un million deux cent trente-quatre mille cinq cent soixante-sept} habitants"),
    (
        "cardinal",
        "{10 000|dix mille}, {10\u00a0000|dix mille}, {10\u202f000|dix mille}, {1.234.567|un million deux cent trente-quatre mille cinq cent soixante-sept}",
    ),
    ("cardinal", "{-5|moins cinq} ou {−5|moins cinq}"),
    ("cardinal", "L'agent {007|zéro zéro sept}"),
    ("cardinal", "Ils étaient {200|deux cents}. Puis rien."),
    ("decimal", "Pi vaut {3,14|trois virgule quatorze}."),
    ("decimal", "{0,05|zéro virgule zéro cinq} et {1 234,5|mille deux cent trente-quatre virgule cinq}"),
    ("ordinal", "le {1er|premier} jour, la {1re|première} fois, la {1ère|première} fois"),
    ("ordinal", "la {2e|deuxième} place, le {3ème|troisième} homme, la {2nde|seconde} classe"),
    ("ordinal", "les {21es|vingt-et-unièmes} rencontres"),
    ("ordinal", "au {XIXe|dix-neuvième} siècle et au {Ier|premier} siècle"),
    ("year", "En {1998|mille neuf cent quatre-vingt-dix-huit}, la France gagne."),
    ("year", "depuis {2024|deux mille vingt-quatre}"),
    ("decade", "les années {1990|mille neuf cent quatre-vingt-dix} et les années {80|quatre-vingt}"),
    ("money", "Cela coûte {12,50 €|douze euros cinquante}."),
    ("money", "{1 €|un euro}, {2 €|deux euros}, {0,99 €|quatre-vingt-dix-neuf centimes}"),
    ("money", "{1 234,56 €|mille deux cent trente-quatre euros cinquante-six}"),
    ("money", "{5 M€|cinq millions d'euros} et {1,5 Md€|un virgule cinq milliard d'euros}"),
    ("money", "{$12.50|douze dollars cinquante}, {20 $|vingt dollars}, {1 £|une livre}, {100 CHF|cent francs suisses}"),
    ("percent", "{5 %|cinq pour cent}, {3,5%|trois virgule cinq pour cent}"),
    ("time", "à {14h30|quatorze heures trente}, à {8 h 05|huit heures cinq}"),
    ("time", "à {1h|une heure}, à {21h|vingt-et-une heures}, à {14:30|quatorze heures trente}"),
    ("date", "le {1er mars 2026|premier mars deux mille vingt-six}"),
    ("date", "le {03/05/2026|trois mai deux mille vingt-six} et le {1/5/2026|premier mai deux mille vingt-six}"),
    ("date", "le {2026-03-05|cinq mars deux mille vingt-six}"),
    ("date", "du {3|trois} au {5 mars|cinq mars}"),
    ("range", "{10-20|dix à vingt} personnes"),
    ("range", "{1998–2004|mille neuf cent quatre-vingt-dix-huit à deux mille quatre}"),
    ("phone", "au {+33 6 12 34 56 78|plus trente-trois, six, douze, trente-quatre, cinquante-six, soixante-dix-huit}"),
    ("phone", "au {06 12 34 56 78|zéro six, douze, trente-quatre, cinquante-six, soixante-dix-huit}"),
    ("phone", "{555-1234|cinq cinq cinq, un deux trois quatre}"),
    ("unit", "{5 km|cinq kilomètres}, {1 km|un kilomètre}, {100 km/h|cent kilomètres à l'heure}"),
    ("unit", "{1,5 kg|un virgule cinq kilogramme} et {1 t|une tonne}"),
    ("unit", "{-5 °C|moins cinq degrés Celsius}, {90°|quatre-vingt-dix degrés}"),
    ("unit", "{50 m²|cinquante mètres carrés}, {500 Mo|cinq cents mégaoctets}"),
    ("fraction", "{1/2|un demi}, {3/4|trois quarts}, {2/3|deux tiers}, {5/8|cinq huitièmes}"),
    ("fraction", "{½|un demi}, {2 1/2|deux et demi}, {1½|un et demi}"),
    ("roman", "Louis {XIV|quatorze} et François {Ier|premier}"),
    ("roman", "Élisabeth {II|deux}, chapitre {IV|quatre}, Jean-Paul {II|deux}"),
    ("roman", "la {IIe|deuxième} Guerre mondiale"),
    ("fraction", "{½ l|un demi litre}, {3/4 kg|trois quarts de kilogramme}"),
    ("time", "{9h-18h30|neuf heures à dix-huit heures trente}"),
    ("unit", "Il mesure {1m85|un mètre quatre-vingt-cinq}."),
    ("version", "{v2.0.1|version deux point zéro point un}"),
    ("version", "Python {3.12.1|trois point douze point un}"),
    ("url", "Sur {www.exemple.fr|w w w point exemple point fr}, tout est dit."),
    ("url", "{https://exemple.fr/aide|exemple point fr barre oblique aide}"),
    ("email", "Écrivez à {info@exemple.fr|info arobase exemple point fr}."),
    ("abbreviation", "{p. ex.|par exemple} une pomme, {c.-à-d.|c'est-à-dire} un fruit, {etc.|et cetera.}"),
    ("abbreviation", "{M.|Monsieur} Dupont et {Mme|Madame} Durand, {n° 5|numéro cinq}, {p. 12|page douze}"),
    ("abbreviation", "{Dr|docteur} Martin, en {44|quarante-quatre} {av. J.-C.|avant Jésus-Christ.}"),
    ("math", "{2|deux} {+|plus} {2|deux} {=|égale} {4|quatre}"),
    ("math", "{3|trois} {×|fois} {4|quatre}, {± 5|plus ou moins cinq}"),
    ("sign", "{§ 5|paragraphe cinq}, Dupont {&|et} fils, {#3|numéro trois}"),
    (
        "special",
        "Ouvert {24/7|vingt-quatre sept}, {24h/24|vingt-quatre heures sur vingt-quatre} et {7j/7|sept jours sur sept}.",
    ),
    ("special", "Il mesure {5'10\"|cinq pieds dix pouces}."),
    ("unit", "{3 c. à s.|trois cuillères à soupe} de sucre, {1 c. à café|une cuillère à café} de sel"),
    ("money", "Il a payé {50 €|cinquante euros} {3|trois} fois."),
    ("time", "Cuire {1 h 30 min|une heure trente}."),
)

REGIONS = (
    ("fr-CH", "{70|septante}, {80|huitante}, {90|nonante}"),
    ("fr-CH", "{1'234,50 CHF|mille deux cent trente-quatre francs suisses cinquante}"),
    ("fr-BE", "{70|septante}, {80|quatre-vingts}, {95|nonante-cinq}"),
    ("fr-CA", "{70|soixante-dix}"),
)

AS_IT_WAS = ("Il fait beau aujourd'hui.", "MIX, CD et VI", "l'été à Besançon – déjà")


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_french_is_read_as_the_french_read_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("fr", text_of(marked)) == marked


@pytest.mark.parametrize(("language", "marked"), REGIONS)
def test_a_region_has_its_own_numbers(language: str, marked: str) -> None:
    """Seventy to ninety-nine differ in Switzerland and Belgium."""
    assert marked_by(language, text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_stay_as_they_are(text: str) -> None:
    """Character for character."""
    assert stays("fr", text)


def test_a_number_whose_point_may_mean_either_stays() -> None:
    """'1.234' may be a thousand or a decimal: it stays, and the caller gets a warning."""
    assert stays("fr", "environ 1.234 euros")
