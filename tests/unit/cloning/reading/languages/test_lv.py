"""How Latvian is read."""

import pytest

from tests.unit.cloning.reading.languages.annotated import annotated, reading, spoken, written

CASES = (
    ("cardinals", "Man ir {21|divdesmit viena} grāmata."),
    ("cardinals", "Man ir {2|divas} grāmatas un {2|divi} galdi."),
    ("cardinals", "{24|divdesmit četras} stundas"),
    ("cardinals", "{1 234 567|viens miljons divsimt trīsdesmit četri tūkstoši piecsimt sešdesmit septiņi}"),
    ("cardinals", "{-5|mīnus pieci} grādi"),
    ("cardinals", "aģents {007|nulle nulle septiņi}"),
    ("cardinals", "{2000|divtūkstoš} eiro"),
    ("ordinals", "{3.|trešajā} maijā"),
    ("ordinals", "{2026.|divtūkstoš divdesmit sestā} gada {3.|trešais} maijs"),
    ("ordinals", "{2000.|divtūkstošajā} gadā"),
    ("ordinals", "{1998.|tūkstoš deviņsimt deviņdesmit astotais} gads"),
    ("ordinals", "{3.|trešā} klase"),
    ("ordinals", "{3.|trešajā} klasē"),
    ("ordinals", "{100.|simtā} vieta"),
    ("ordinals", "{21.|divdesmit pirmajā} gadsimtā"),
    ("ordinals", "{3.|trešās} klases"),
    ("ordinals", "{10.|desmito} gadu"),
    ("ordinals", "Viņš bija {2|divi}."),
    ("decimals", "{3,14|trīs komats viens četri}"),
    ("decimals", "{0,5|nulle komats pieci}"),
    ("decimals", "{1 234,5|tūkstoš divsimt trīsdesmit četri komats pieci}"),
    ("percent", "{5 %|pieci procenti}"),
    ("percent", "{1 %|viens procents}"),
    ("percent", "{21 %|divdesmit viens procents}"),
    ("percent", "{11 %|vienpadsmit procenti}"),
    ("percent", "{12,5 %|divpadsmit komats pieci procenti}"),
    ("money", "{12,50 €|divpadsmit eiro un piecdesmit centi}"),
    ("money", "{1 €|viens eiro}"),
    ("money", "{$5|pieci dolāri}"),
    ("units", "{5 km|pieci kilometri}"),
    ("units", "{20 °C|divdesmit grādi pēc Celsija}"),
    ("dates", "{03.05.2026|divtūkstoš divdesmit sestā gada trešais maijs}"),
    ("dates", "{plkst.|pulksten} {15:30|piecpadsmit trīsdesmit}"),
    ("phones", "{555-1234|pieci pieci pieci, viens divi trīs četri}"),
    ("phones", "{+1 415 555 2671|plus viens, četri viens pieci, pieci pieci pieci, divi seši septiņi viens}"),
    ("signs", "{24/7|divdesmit četras stundas diennaktī, septiņas dienas nedēļā}"),
    ("signs", "{5–10 km|pieci līdz desmit kilometri}"),
)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_latvian_is_read_as_a_person_reads_it(kind: str, case: str) -> None:
    """Exactly the marked parts are replaced, by what is marked; a second reading changes nothing."""
    assert annotated("lv", written(case)) == case
    assert reading("lv", spoken(case)).text == spoken(case)
