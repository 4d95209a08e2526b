"""
The check of a statement of consent: whether it is a sentence, and whether it is a "no".

A refusal taken for consent can't be undone; a consent taken for a refusal costs its sender one more call. So an ambiguous
statement is a "no". The languages are those of the catalogue's checkpoints, and a few words of others.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise, takewhile

from cloning.characters import is_invisible

LONGEST = 500
_SHORTEST_SIGNS = 4
# Letters that look like Latin ones, replaced in words that also have Latin ones.
_LOOKALIKES = str.maketrans("аеорсухіοενιⅼ", "aeopcyxioevil")
_NEAR = 4  # words between a "not" and what it negates
_ANDS = ("and", "but")
# "Without consent" is a refusal, "agreed without conditions" is not: these words negate only what follows them.
_WITHOUT = frozenset(
    ["without", "ohne", "sans", "sin", "sem", "senza", "zonder", "bez", "без", "ilman", "بدون", "دون", "غير"]
)
_MARKS = "'’"

# First words of a refusal, and values of a form that was not filled in.
_FIRST = """
    no not none never nope nah nay denied refused declined withdrawn rejected withheld revoked disagreed unauthorized dont doesnt didnt cant wont
    unauthorised cannot false null nil nan na undefined n 0 pending unknown tbd todo empty missing
    nein nicht kein keine keiner keinesfalls nie niemals abgelehnt verweigert widerrufen
    non pas jamais aucun aucune refusé personne
    nunca jamás ningún ninguno ninguna nadie tampoco rechazado
    não nenhum nenhuma ninguém recusado negado
    mai nessun nessuno nessuna rifiutato
    nee niet geen nooit geweigerd
    nie nigdy brak żadna odmowa
    ne nikdy nesouhlasí nesouhlasím odmítnuto žádný
    нет не никогда никто отказ отказано запрещено ні
    nem soha nincs elutasítva
    hayır değil yok asla
    ei en et eivät emme ette
    nē nav nekad atteikts
    لا لم لن ليس ليست رفض كلا
    नहीं नही ना मत
    nu nej nei ikke inte ingen όχι δεν ไม่ không tidak לא
"""
# By language: words for "not", and beginnings of words for an agreement; near each other they are a refusal.
_NEGATED = (
    (
        "no not never without nor cannot cant dont didnt doesnt wont wouldnt isnt wasnt hasnt havent nobody neither hardly",
        "agree consent permi allow approv accept authori grant given give gave obtain willing sign okay clone cloned",
    ),
    (
        "nicht kein keine keinen keiner keinerlei nie niemals ohne weder",
        "einverst zustimm zugestimm einwillig eingewillig erlaub genehmig gegeben erteil gestatt",
    ),
    ("pas jamais sans aucun aucune ne n ni personne", "accord consent accept autoris permi donn"),
    (
        "no nunca jamas sin ningun ninguna nadie tampoco",
        "consent consient acept autoriz permi permiso acuerdo dio dado da",
    ),
    (
        "nao nunca jamais sem nenhum nenhuma ninguem",
        "consent aceit autoriz permi concord acordo deu dado",
    ),
    ("non mai senza nessun nessuno nessuna", "consens consent accett autorizz permess permett accord dato"),
    ("nee niet geen nooit zonder", "toestem akkoord ingestemd instem toegestaan gegeven eens goedgekeurd"),
    ("nie nigdy brak zadnej nikt", "zgod zgadz wyrazi wyraz pozwol akcept udzielil"),
    ("ne bez nikdy nikdo zadny", "souhlas svolen povol udelil"),
    ("не нет никогда без никто", "соглас разреш дал дала дано дает позвол одобр"),
    ("nem soha nincs nelkul senki", "jarul egyez enged hozzajar beleegy adott"),
    ("degil yok asla olmadan", "onay izin kabul riza"),
    ("ei en et eivat emme ilman", "suostu lupa lupaa hyvaksy anta"),
    ("nav nekad bez", "piekri atlauj dev dot"),
    ("لا لم لن ليس ليست غير بدون ما دون", "يوافق توافق موافق اوافق أوافق موافقة الموافقة إذن اذن يسمح يقبل"),
    ("नहीं नही नहि ना मत बिना न", "सहमत सहमति अनुमति सवीकत राजी"),
    ("nu", "acord accept consimt permi"),
)
# The beginnings of words that are a refusal by themselves, unless a "not" stands right before them.
_REFUSALS = """
    refus declin denie denied deny withdr withheld withhold revok reject disagree nonconsens unauthori unconsent
    ablehn abgelehn verweiger widerruf widersprech untersag
    rechaz recus rifiut geweiger weiger odmow odmawia odmit nesouhlas neudel nepovol nepiekri atteic noraid nedev neatlauj
    отказ запре против возраж elutasit visszavon megtagad reddet reddedil izinsiz onaysiz onaylama etmedi etmiyor vermedi vermiyor
    istemedi istemiyor kieltay kielt رفض يرفض ترفض इनकार इंकार
"""
_NOTS = frozenset(word for negations, _ in _NEGATED for word in negations.split())
# Chinese, Japanese, Korean and Thai don't separate words: patterns in the whole text.
_BEGINNINGS = re.compile(
    r"不(?!可撤|附)|[无無](?!条件|條件|保留)|[没沒未否拒别]|いいえ|いえ|いや|だめ|ダメ|ノー|아니|안(?!녕)|못|싫|거부|거절|ไม่|อย่า"
)
_PIECES = re.compile(
    r"[不没沒未無无非拒](?:曾|有|能|会|會|得|被|经|經|获|獲|得到|予|给|給|愿意|願意)*(?:同意|允许|允許|许可|許可|授权|授權|答应|答應|批准|赞成|贊成|接受|愿意|願意)"
    r"|(?:同意|许可|許可|授权|授權|允许|批准)(?:书|書)?(?:没有|沒有|未|并未|不(?!可撤|附))"
    r"|拒绝|拒絕|反对他|否决"
    r"|(?:同意|承諾|許可|許諾|承認|賛成|納得|了承)[^、。,.!?\s]{0,8}(?:ない|なかった|ません|なし|無し|ず|ぬ)(?!と言)|拒否|断りました|断った|お断り|無断|不可(?!撤)|だめ|ダメ"
    r"|(?:동의|허락|승낙|허가|승인|수락)\s?[^,.!?]{0,6}(?:않|안|못|없|거부)|(?:안|못)\s?(?:동의|허락|승낙)|거부|거절|비동의|무단"
    r"|ไม่\S{0,8}(?:ยินยอม|อนุญาต|ตกลง|ยอม)|ปฏิเสธ"
)  # fmt: skip
# "Consent: no" is the answer to a question; "agreed: not for ads" is an agreement.
_ANSWERED = re.compile(r"[:：=?？؟]\s*[\"'(\[]*([\w'’]+)[^\w:：=?？]*(?:$|[,.;!\n])")
_ASKED = re.compile(
    r"(?:consent|consents|permission|approval|authorization|authorisation|agreement|agree|answer|zustimmung|einwilligung|consentement"
    r"|accord|autorisation|consentimiento|permiso|consentimento|permissao|consenso|toestemming|zgoda|souhlas|согласие|hozzajarulas"
    r"|onay|riza|suostumus|piekrisana|موافقة|الموافقة|सहमति|同意|동의|given|granted|obtained)\W*[:=]\W*(\w+)"
)
_OBJECT = re.compile(r"\[object\b|\bobject\s+object\b|^\s*[{\[<]")


def is_sentence(text: str) -> bool:
    """Whether the text has two words, or enough characters of a script that doesn't separate words."""
    words = [word for word in text.split() if any(character.isalnum() for character in word)]
    # Chinese, Japanese or Thai: letters without case, and no spaces.
    signs = sum(unicodedata.category(character) == "Lo" for character in text)
    return len(words) > 1 or signs >= _SHORTEST_SIGNS


def says_no(text: str) -> bool:
    """Whether the text refuses, as in 'No, he did not agree', 'Consent: no' or 'non, pas encore', or is not a statement at all."""
    plain = _plain(text)
    words = _words(plain)
    if not words or words[0] in _FIRST_WORDS or _OBJECT.search(plain):
        return True
    pieces = "".join(character for character in plain if not unicodedata.category(character).startswith("C"))
    return (
        bool(_BEGINNINGS.match(pieces.lstrip(" \"'(-*「『“")) or _PIECES.search(pieces))
        or any(word in _FIRST_WORDS or _BEGINNINGS.match(word) for word in _answers(plain))
        or _refuses(words)
        or any(_is_negated(words, negations, agreements) for negations, agreements in _PAIRS)
    )


def _plain(text: str) -> str:
    """Fold case and form, and remove invisible characters."""
    text = "".join(character for character in text if not is_invisible(character) or character.isspace())
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _folded(word: str) -> str:
    """Remove accents, and write the Turkish dotless i as i: people leave them out."""
    bare = "".join(one for one in unicodedata.normalize("NFD", word) if not unicodedata.combining(one))
    bare = bare.replace("ı", "i").replace("ł", "l")
    return unicodedata.normalize("NFC", bare.translate(_LOOKALIKES) if re.search("[a-z]", bare) else bare)


def _words(plain: str) -> list[str]:
    """The folded words with their vowel signs; "don't" is one word."""
    kept = "".join(one if one in _MARKS or unicodedata.category(one)[0] in "LMN" else " " for one in plain)
    whole = [re.sub(f"[{_MARKS}]", "", word) if re.search("n[’']t$", word) else word for word in kept.split()]
    return [_folded(part) for word in whole for part in re.split(f"[{_MARKS}]", word) if part]


def _answers(plain: str) -> Iterator[str]:
    for found in (*_ANSWERED.finditer(plain), *_ASKED.finditer(_unaccented(plain))):
        yield from _words(found[1])[:1]


def _unaccented(plain: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFD", plain) if not unicodedata.combining(one))


def _refuses(words: list[str]) -> bool:
    """Whether a word is a refusal by itself, unlike in 'has not refused' and 'no objection'."""
    return any(word.startswith(_REFUSING) and before not in _NOTS for before, word in pairwise(["", *words]))


def _is_negated(words: list[str], negations: frozenset[str], agreements: tuple[str, ...]) -> bool:
    """Whether a "not" comes shortly before a word for an agreement, or right after it."""
    for place, word in enumerate(words):
        if word not in negations:
            continue
        after = list(takewhile(lambda near: near not in _ANDS, words[place + 1 : place + 1 + _NEAR]))
        before = words[max(0, place - 1) : place] if _negates_backwards(words, place) else []
        if any(near.startswith(agreements) for near in (*after, *before)):
            return True
    return False


def _negates_backwards(words: list[str], place: int) -> bool:
    """Whether a "not" negates the word before it: in 'Consent not given' and 'सहमति नहीं', but not in 'agreed: not for ads'."""
    return place > 0 and words[place] not in _WITHOUT and not words[place - 1].endswith("ed")


_FIRST_WORDS = frozenset(_folded(_plain(word)) for word in _FIRST.split())
_PAIRS = tuple(
    (
        frozenset(_folded(_plain(word)) for word in negations.split()),
        tuple(_folded(_plain(word)) for word in agreements.split()),
    )
    for negations, agreements in _NEGATED
)
_REFUSING = tuple(_folded(_plain(word)) for word in _REFUSALS.split())
