"""How Hindi is read."""

import pytest

from tests.unit.cloning.reading.languages.annotated import annotated, reading, spoken, written

CASES = (
    ("cardinals", "मेरे पास {21|इक्कीस} किताबें हैं।"),
    ("cardinals", "{२१|इक्कीस} किताबें"),
    ("cardinals", "{12,34,567|बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ} लोग"),
    ("cardinals", "{1,234,567|बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ}"),
    ("cardinals", "{१,०००|एक हज़ार}"),
    ("cardinals", "{-5|ऋण पाँच} डिग्री"),
    ("cardinals", "एजेंट {007|शून्य शून्य सात}"),
    ("cardinals", "{5|पाँच} करोड़ लोग"),
    ("ordinals", "{1ला|पहला} स्थान"),
    ("ordinals", "{3री|तीसरी} कक्षा"),
    ("ordinals", "{5वीं|पाँचवीं} कक्षा"),
    ("ordinals", "{21वीं|इक्कीसवीं} सदी"),
    ("ordinals", "{५वाँ|पाँचवाँ}"),
    ("ordinals", "{10वें|दसवें} दिन"),
    ("ordinals", "{6ठा|छठा}"),
    ("decimals", "{3.14|तीन दशमलव एक चार}"),
    ("decimals", "{३.१४|तीन दशमलव एक चार}"),
    ("decimals", "{0.5|शून्य दशमलव पाँच}"),
    ("percent", "{5%|पाँच प्रतिशत}"),
    ("percent", "{५%|पाँच प्रतिशत}"),
    ("percent", "{12.5%|बारह दशमलव पाँच प्रतिशत}"),
    ("years", "सन् {1998|उन्नीस सौ अट्ठानबे}"),
    ("years", "{1947|उन्नीस सौ सैंतालीस} में"),
    ("years", "{2024|दो हज़ार चौबीस} में"),
    ("money", "{₹1|एक रुपया}"),
    ("money", "{₹500.50|पाँच सौ रुपये पचास पैसे}"),
    ("money", "{₹12,34,567|बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ रुपये}"),
    ("money", "{₹5 करोड़|पाँच करोड़ रुपये}"),
    ("money", "{$5|पाँच डॉलर}"),
    ("times", "{3:30 बजे|तीन बजकर तीस मिनट}"),
    ("times", "{3:00 बजे|तीन बजे}"),
    ("units", "{5 km|पाँच किलोमीटर}"),
    ("units", "{20°C|बीस डिग्री सेल्सियस}"),
    ("phones", "{555-1234|पाँच पाँच पाँच, एक दो तीन चार}"),
    ("phones", "{+1 415 555 2671|प्लस एक, चार एक पाँच, पाँच पाँच पाँच, दो छह सात एक}"),
    ("signs", "{24/7|चौबीसों घंटे, सातों दिन}"),
    ("signs", "{5-10|पाँच से दस} लोग"),
)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_hindi_is_read_as_a_person_reads_it(kind: str, case: str) -> None:
    """Exactly the marked parts are replaced, by what is marked; a second reading changes nothing."""
    assert annotated("hi", written(case)) == case
    assert reading("hi", spoken(case)).text == spoken(case)
