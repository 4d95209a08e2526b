"""How Japanese is read."""

import pytest

from tests.unit.cloning.reading.languages.annotated import annotated, reading, spoken, written

CASES = (
    ("cardinals", "{21|二十一}冊の本"),
    ("cardinals", "{1,024|千二十四}個"),
    ("cardinals", "{10000|一万}"),
    ("cardinals", "{10000000|一千万}"),
    ("cardinals", "{0|零}"),
    ("cardinals", "{1|一}億{2000|二千}万"),
    ("cardinals", "特命{007|ゼロゼロ七}"),
    ("cardinals", "iPhone {15|十五}"),
    ("cardinals", "{２|二}個"),
    ("cardinals", "{12345678901|一二三四五六七八九ゼロ一}"),
    ("cardinals", "{-5|マイナス五}度"),
    ("cardinals", "GPT{-|}{4|四}"),
    ("ordinals", "第{2|二}回"),
    ("ordinals", "{2|二}番目"),
    ("ordinals", "第{12|十二}章"),
    ("decimals", "{3.14|三点一四}"),
    ("decimals", "{1,234.5|千二百三十四点五}"),
    ("decimals", "{0.05|零点零五}"),
    ("percent", "{100%|百パーセント}"),
    ("percent", "{0.5%|零点五パーセント}"),
    ("percent", "{３０％|三十パーセント}"),
    ("percent", "{5~10%|五から十パーセント}"),
    ("years", "{2023|二千二十三}年{5|五}月{1|一}日"),
    ("years", "{1990|千九百九十}年代"),
    ("dates", "{2024/3/4|二千二十四年三月四日}"),
    ("dates", "{2024-03-04|二千二十四年三月四日}"),
    ("dates", "3/4/2026"),
    ("times", "{3:30|三時三十分}に会う"),
    ("times", "{10:05|十時五分}"),
    ("times", "午後{3|三}時{30|三十}分"),
    ("times", "{24/7|二十四時間年中無休}"),
    ("money", "{￥1,200|千二百円}"),
    ("money", "{1,200|千二百}円"),
    ("money", "{$12.50|十二ドル五十セント}"),
    ("money", "{¥1.5億|一点五億円}"),
    ("phones", "{090-1234-5678|ゼロ九ゼロの一二三四の五六七八}"),
    ("phones", "{+1 415 555 2671|プラス一の四一五の五五五の二六七一}"),
    ("phones", "{555-1234|五五五の一二三四}"),
    ("phones", "電話は{+1 415 555 2671|プラス一の四一五の五五五の二六七一}"),
    ("units", "{5kg|五キログラム}"),
    ("units", "気温は{-5℃|マイナス五度}"),
    ("units", "時速{60km/h|六十キロメートル}"),
    ("units", "{100m²|百平方メートル}"),
    ("units", "{16GB|十六ギガバイト}"),
    ("fractions", "{1/2|二分の一}"),
    ("fractions", "{5|五}分の{1|一}"),
    ("ranges", "{5〜10|五から十}人"),
    ("ranges", "{5-10|五から十}人"),
    ("signs", "{1|一}{+|たす}{1|一}{=|は}{2|二}"),
    ("versions", "{v2.0.1|v二点零点一}"),
)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_japanese_is_read_as_a_person_reads_it(kind: str, case: str) -> None:
    """Exactly the marked parts are replaced, by what is marked; a second reading changes nothing."""
    assert annotated("ja", written(case)) == case
    assert reading("ja", spoken(case)).text == spoken(case)
