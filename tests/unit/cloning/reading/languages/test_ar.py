"""How Arabic is read."""

import pytest

from tests.unit.cloning.reading.languages.annotated import annotated, reading, spoken, written

CASES = (
    ("cardinals", "لدي {21|واحد وعشرون} كتابا"),
    ("cardinals", "لدي {٢١|واحد وعشرون} كتابا"),
    ("cardinals", "{3|ثلاثة} كتب و{3|ثلاث} سيارات"),
    ("cardinals", "{5|خمس} سيارات"),
    ("cardinals", "{1,234,567|مليون ومئتان وأربعة وثلاثون ألفًا وخمسمئة وسبعة وستون}"),
    ("cardinals", "{١٬٢٣٤٬٥٦٧|مليون ومئتان وأربعة وثلاثون ألفًا وخمسمئة وسبعة وستون}"),
    ("cardinals", "{-5|ناقص خمسة}"),
    ("cardinals", "{3000|ثلاثة آلاف}"),
    ("cardinals", "{12000|اثنا عشر ألفًا}"),
    ("cardinals", "{2000000|مليونان}"),
    ("cardinals", "العميل {007|صفر صفر سبعة}"),
    ("ordinals", "{القرن الـ21|القرن الحادي والعشرون}"),
    ("ordinals", "في {القرن الـ21|القرن الحادي والعشرين}"),
    ("ordinals", "{المرتبة ال3|المرتبة الثالثة}"),
    ("ordinals", "{المرتبة الـ٣|المرتبة الثالثة}"),
    ("ordinals", "{الذكرى الـ100|الذكرى المئة}"),
    ("decimals", "{3.14|ثلاثة فاصلة واحد أربعة}"),
    ("decimals", "{٣٫١٤|ثلاثة فاصلة واحد أربعة}"),
    ("decimals", "{0.5|صفر فاصلة خمسة}"),
    ("percent", "{5%|خمسة بالمئة}"),
    ("percent", "{٥٪|خمسة بالمئة}"),
    ("percent", "{12.5%|اثنا عشر فاصلة خمسة بالمئة}"),
    ("years", "عام {2024|ألفين وأربعة وعشرين}"),
    ("years", "في عام {١٩٩٨|ألف وتسعمئة وثمانية وتسعين}"),
    ("money", "{$5|خمسة دولارات}"),
    ("money", "{$1|دولار}"),
    ("money", "{$2|دولاران}"),
    ("money", "{$12.50|اثنا عشر دولارًا وخمسون سنتًا}"),
    ("times", "{3:30 مساءً|الثالثة والنصف مساءً}"),
    ("times", "{10:15|العاشرة والربع}"),
    ("units", "{11 km|أحد عشر كيلومترًا}"),
    ("units", "{20°C|عشرون درجة مئوية}"),
    ("phones", "{555-1234|خمسة خمسة خمسة, واحد اثنان ثلاثة أربعة}"),
    ("signs", "{24/7|على مدار الساعة}"),
    ("signs", "{5-10|خمسة إلى عشرة}"),
)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_arabic_is_read_as_a_person_reads_it(kind: str, case: str) -> None:
    """Exactly the marked parts are replaced, by what is marked; a second reading changes nothing."""
    assert annotated("ar", written(case)) == case
    assert reading("ar", spoken(case)).text == spoken(case)
