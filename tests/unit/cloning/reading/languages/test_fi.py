"""How Finnish is read."""

import pytest

from tests.unit.cloning.reading.languages.annotated import annotated, reading, spoken, written

CASES = (
    ("cardinals", "Minulla on {21|kaksikymmentäyksi} kirjaa."),
    ("cardinals", "Hinta on {1|yksi} euro ja {2|kaksi} euroa."),
    ("cardinals", "{10 000|kymmenentuhatta} ihmistä"),
    ("cardinals", "{1 234 567|yksi miljoona kaksisataakolmekymmentäneljätuhattaviisisataakuusikymmentäseitsemän}"),
    ("cardinals", "{-5|miinus viisi} astetta"),
    ("cardinals", "Agentti {007|nolla nolla seitsemän}"),
    ("cardinals", "vuonna {1998|tuhatyhdeksänsataayhdeksänkymmentäkahdeksan}"),
    ("cardinals", "{5|viidessä} maassa"),
    ("cardinals", "{1000|tuhanteen} kilometriin"),
    ("cardinals", "{2|kahdessa} viikossa"),
    ("cardinals", "{5:ssä|viidessä} maassa"),
    ("cardinals", "{3:n|kolmen} kanssa"),
    ("cardinals", "{1990-|tuhatyhdeksänsataayhdeksänkymmentä}luvulla"),
    ("cardinals", "{20-|kaksikymmentä}vuotias"),
    ("ordinals", "{3.|kolmas} kerros"),
    ("ordinals", "{3.|kolmannessa} kerroksessa"),
    ("ordinals", "{21.|kahdennenkymmenennenensimmäisen} vuosisadan"),
    ("ordinals", "{3.|kolmas} toukokuuta"),
    ("ordinals", "{5:s|viides}"),
    ("ordinals", "{5:nnessä|viidennessä}"),
    ("ordinals", "Hän oli {2|kaksi}."),
    ("decimals", "{3,14|kolme pilkku yksi neljä}"),
    ("decimals", "{0,5|nolla pilkku viisi}"),
    ("decimals", "{1 234,5|tuhatkaksisataakolmekymmentäneljä pilkku viisi}"),
    ("percent", "{5 %|viisi prosenttia}"),
    ("percent", "{1 %|yksi prosentti}"),
    ("percent", "{12,5 %|kaksitoista pilkku viisi prosenttia}"),
    ("percent", "{5–10 %|viisi viiva kymmenen prosenttia}"),
    ("money", "{12,50 €|kaksitoista euroa viisikymmentä senttiä}"),
    ("money", "{1 €|yksi euro}"),
    ("money", "{$5|viisi dollaria}"),
    ("units", "{5 km|viisi kilometriä}"),
    ("units", "{20 °C|kaksikymmentä celsiusastetta}"),
    ("units", "{60 km/h|kuusikymmentä kilometriä tunnissa}"),
    ("dates", "{3.5.2026|kolmas toukokuuta kaksituhattakaksikymmentäkuusi}"),
    ("dates", "{klo|kello} {15.30|viisitoista kolmekymmentä}"),
    ("dates", "{klo|kello} {15:30|viisitoista kolmekymmentä}"),
    ("phones", "{555-1234|viisi viisi viisi, yksi kaksi kolme neljä}"),
    ("phones", "{+1 415 555 2671|plus yksi, neljä yksi viisi, viisi viisi viisi, kaksi kuusi seitsemän yksi}"),
    ("signs", "{24/7|kaksikymmentäneljä seitsemän}"),
    ("signs", "{2|kaksi} {+|plus} {2|kaksi} {=|on yhtä kuin} {4|neljä}"),
)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_finnish_is_read_as_a_person_reads_it(kind: str, case: str) -> None:
    """Exactly the marked parts are replaced, by what is marked; a second reading changes nothing."""
    assert annotated("fi", written(case)) == case
    assert reading("fi", spoken(case)).text == spoken(case)
