"""How Portuguese is read, in Brazil (also without a region) and in Portugal."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "Tenho {42|quarenta e dois} livros."),
    ("cardinal", "{21|vinte e um} dias, {21|vinte e uma} casas, {2|duas} pessoas, {2|dois} problemas"),
    ("cardinal", "{200|duzentas} mulheres, {101|cento e uma} noites, número {1|um}"),
    ("cardinal", "{1.234.567|um milhão duzentos e trinta e quatro mil quinhentos e sessenta e sete} habitantes"),
    ("cardinal", "{10.000|dez mil}, {10 000|dez mil}, {10\u00a0000|dez mil}, {10\u202f000|dez mil}"),
    ("cardinal", "{-5|menos cinco} ou {−5|menos cinco}"),
    ("cardinal", "O agente {007|zero zero sete}"),
    ("decimal", "Pi é {3,14|três vírgula catorze}."),
    ("decimal", "{0,05|zero vírgula zero cinco} e {1.234,5|mil duzentos e trinta e quatro vírgula cinco}"),
    ("decimal", "um motor {3.5|três ponto cinco}"),
    ("ordinal", "o {1º|primeiro} e a {2ª|segunda}, o {3.º|terceiro} lugar"),
    ("ordinal", "o {21º|vigésimo primeiro}"),
    ("year", "Em {1998|mil novecentos e noventa e oito} nasceu."),
    ("year", "desde {2024|dois mil e vinte e quatro}"),
    ("decade", "os anos {90|noventa} e os anos {1980|mil novecentos e oitenta}"),
    ("money", "Custa {R$ 1.234,56|mil duzentos e trinta e quatro reais e cinquenta e seis centavos}."),
    ("money", "{R$ 1|um real}, {R$ 2,50|dois reais e cinquenta centavos}, {R$ 0,99|noventa e nove centavos}"),
    ("money", "{R$ 5 milhões|cinco milhões de reais} e {1,5|um vírgula cinco} bilhão de reais"),
    ("money", "{US$ 20|vinte dólares}, {12,50 €|doze euros e cinquenta centavos}, {2 £|duas libras}"),
    ("money", "{$12.50|doze dólares e cinquenta centavos}, {100 CHF|cem francos suíços}"),
    ("percent", "{5 %|cinco por cento}, {3,5%|três vírgula cinco por cento}"),
    ("time", "às {14h30|catorze e trinta}, às {14:30|catorze e trinta}, às {8h|oito horas}"),
    ("time", "à {1h|uma hora}, às {21:00|vinte e uma horas}, às {2h05|duas e cinco}"),
    ("date", "em {3 de maio de 2026|três de maio de dois mil e vinte e seis}"),
    ("date", "em {03/05/2026|três de maio de dois mil e vinte e seis}"),
    ("date", "em {1º|primeiro} de maio e em {1/5/2026|primeiro de maio de dois mil e vinte e seis}"),
    ("date", "{2026-03-05|cinco de março de dois mil e vinte e seis}"),
    ("range", "{10-20|dez a vinte} pessoas"),
    ("range", "{1998–2004|mil novecentos e noventa e oito a dois mil e quatro}"),
    ("phone", "{+55 11 91234-5678|mais cinco cinco, um um, nove um dois três quatro, cinco seis sete oito}"),
    ("phone", "{555-1234|cinco cinco cinco, um dois três quatro}"),
    ("unit", "{5 km|cinco quilômetros}, {1 km|um quilômetro}, {100 km/h|cem quilômetros por hora}"),
    ("unit", "{1,5 kg|um vírgula cinco quilograma} e {2 t|duas toneladas}"),
    ("unit", "{-5 °C|menos cinco graus Celsius}, {90°|noventa graus}"),
    ("unit", "{50 m²|cinquenta metros quadrados}, {500 MB|quinhentos megabytes}"),
    ("fraction", "{1/2|um meio}, {3/4|três quartos}, {2/3|dois terços}"),
    ("fraction", "{½|um meio}, {2 1/2|dois e meio}, {1½|um e meio}"),
    ("roman", "no {séc. XXI|século vinte e um}"),
    ("roman", "Dom João {VI|sexto}, Luís {XIV|catorze}, Isabel {II|segunda}"),
    ("roman", "o século {XX|vinte} e o século {V|quinto}"),
    ("roman", "capítulo {IV|quatro}, a {II|Segunda} Guerra Mundial"),
    ("fraction", "{½ l|meio litro}, {3/4 kg|três quartos de quilograma}"),
    ("phone", "{(21) 3333-4444|dois um, três três três três, quatro quatro quatro quatro}"),
    ("code", "ISBN {978-3-16|nove sete oito, três, dezesseis}"),
    ("version", "{v2.0.1|versão dois ponto zero ponto um}"),
    ("version", "Python {3.12.1|três ponto doze ponto um}"),
    ("url", "Em {www.exemplo.com.br|w w w ponto exemplo ponto com ponto br}, claro."),
    ("url", "{https://exemplo.pt/ajuda|exemplo ponto pt barra ajuda}"),
    ("email", "Escreva para {info@exemplo.pt|info arroba exemplo ponto pt}."),
    ("abbreviation", "{p. ex.|por exemplo} o {Sr.|senhor} Lima e a {Sra.|senhora} Reis, {etc.|et cetera.}"),
    ("abbreviation", "{Dr.|doutor} Gil, {nº 5|número cinco}, {pág. 12|página doze}"),
    ("abbreviation", "em {44|quarenta e quatro} {a.C.|antes de Cristo.}"),
    ("math", "{2|dois} {+|mais} {2|dois} {=|é igual a} {4|quatro}"),
    ("math", "{3|três} {×|vezes} {4|quatro}, {± 5|mais ou menos cinco}"),
    ("sign", "{§ 5|parágrafo cinco}, Lima {&|e} filhos, {#3|número três}"),
    ("special", "Aberto {24/7|vinte e quatro por sete}."),
    ("special", "Mede {5'10\"|cinco pés dez polegadas}."),
    ("fraction", "{1/2|meia} xícara de leite"),
)

REGIONS = (
    ("pt-BR", "{16|dezesseis}, {17|dezessete}, {19|dezenove}"),
    ("pt-PT", "{16|dezasseis}, {17|dezassete}, {19|dezanove}"),
    ("pt-PT", "{12,50 €|doze euros e cinquenta cêntimos}"),
    ("pt-PT", "{5 km|cinco quilómetros}"),
    ("pt-PT", "em {1/5/2026|um de maio de dois mil e vinte e seis}"),
    ("pt-PT", "{2.000.000.000|dois mil milhões}"),
)

AS_IT_WAS = ("Que dia bonito, não é?", "MIX, CD e VI", "pão, ações e nações")


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_portuguese_is_read_as_a_brazilian_reads_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("pt", text_of(marked)) == marked


@pytest.mark.parametrize(("language", "marked"), REGIONS)
def test_portugal_and_brazil_have_their_own_words(language: str, marked: str) -> None:
    """Numbers from sixteen to nineteen, cents, accents and the first of a month differ."""
    assert marked_by(language, text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_stay_as_they_are(text: str) -> None:
    """Character for character."""
    assert stays("pt", text)
