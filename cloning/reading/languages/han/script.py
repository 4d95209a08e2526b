"""Simplified or traditional characters: a replacement is written as the text around it."""

_SIMPLIFIED = (
    "们个这来说时会国对为后过还点开长门问间见现电话车钱买卖东书马鸟鱼龙学习写体亿万两负减于摄华币码吨亩页罗欧卢韩级线"
    "约总数给红绿经结组终实际应当发变让认识语读课谁请谢许论设计划动务员费资购贵贺质进远运连达边选随难雾静须顺领题颜风"
    "飞饭馆杂样树桥机权条标检测满灯热爱爷独猫环温"
)
_TRADITIONAL = (
    "們個這來說時會國對為後過還點開長門問間見現電話車錢買賣東書馬鳥魚龍學習寫體億萬兩負減於攝華幣碼噸畝頁羅歐盧韓級線"
    "約總數給紅綠經結組終實際應當發變讓認識語讀課誰請謝許論設計劃動務員費資購貴賀質進遠運連達邊選隨難霧靜須順領題顏風"
    "飛飯館雜樣樹橋機權條標檢測滿燈熱愛爺獨貓環溫"
)
"""Common characters, simplified and traditional; among them every one that a rule writes."""
_TO_TRADITIONAL = str.maketrans(_SIMPLIFIED, _TRADITIONAL)
_NEAR = 60


def as_around(words: str, text: str, start: int, end: int) -> str:
    """The words (written simplified) in the script of what stands near [start, end)."""
    traditional = words.translate(_TO_TRADITIONAL)
    if traditional == words:
        return words
    near = text[max(0, start - _NEAR) : end + _NEAR]
    is_traditional = sum(sign in _TRADITIONAL for sign in near) > sum(sign in _SIMPLIFIED for sign in near)
    return traditional if is_traditional else words
