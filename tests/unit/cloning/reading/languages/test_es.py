"""How Spanish is read, in Spain and in Latin America."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "Tengo {42|cuarenta y dos} libros."),
    ("cardinal", "{21|veintiún} libros, {21|veintiuna} casas, son {21|veintiuno}."),
    ("cardinal", "{1|un} problema y {1|una} solución"),
    ("cardinal", "{200|doscientas} personas, {500|quinientos} días, {101|ciento una} noches"),
    ("cardinal", "{1.234.567|un millón doscientos treinta y cuatro mil quinientos sesenta y siete} habitantes"),
    ("cardinal", "{10.000|diez mil}, {10 000|diez mil}, {10\u00a0000|diez mil}, {10\u202f000|diez mil}"),
    ("cardinal", "{-5|menos cinco} o {−5|menos cinco}"),
    ("cardinal", "El agente {007|cero cero siete}"),
    ("decimal", "Pi es {3,14|tres coma catorce}."),
    ("decimal", "{0,05|cero coma cero cinco} y {1.234,5|mil doscientos treinta y cuatro coma cinco}"),
    ("decimal", "versión de {3.5|tres punto cinco} litros"),
    ("ordinal", "el {1.º|primero} y la {2.ª|segunda}, {3º|tercero} y {4ª|cuarta}"),
    ("ordinal", "el {1.er|primer} día, el {3er|tercer} piso"),
    ("ordinal", "el {21.º|vigésimo primero}"),
    ("year", "En {1998|mil novecientos noventa y ocho} nació."),
    ("year", "desde {2024|dos mil veinticuatro}"),
    ("decade", "los años {90|noventa} y los {80|ochenta}"),
    ("money", "Cuesta {12,50 €|doce euros con cincuenta}."),
    ("money", "{1 €|un euro}, {21 €|veintiún euros}, {0,99 €|noventa y nueve céntimos}"),
    ("money", "{1.234,56 €|mil doscientos treinta y cuatro euros con cincuenta y seis}"),
    ("money", "{5 M€|cinco millones de euros}"),
    ("money", "{$12.50|doce dólares con cincuenta}, {200 £|doscientas libras}, {100 CHF|cien francos suizos}"),
    ("percent", "el {5 %|cinco por ciento}, {3,5%|tres coma cinco por ciento}"),
    ("time", "a las {14:30|catorce y treinta}, a las {8:00|ocho}, a la {1:05|una y cinco}"),
    ("time", "a las {21:00 h|veintiuna horas}"),
    ("date", "el {3 de mayo de 2026|tres de mayo de dos mil veintiséis}"),
    ("date", "el {03/05/2026|tres de mayo de dos mil veintiséis}"),
    ("date", "el {1 de mayo|uno de mayo} y el {1º|primero} de mayo"),
    ("date", "{2026-03-05|cinco de marzo de dos mil veintiséis}"),
    ("range", "{10-20|diez a veinte} personas"),
    ("range", "{1998–2004|mil novecientos noventa y ocho a dos mil cuatro}"),
    ("phone", "{+34 612 345 678|más tres cuatro, seis uno dos, tres cuatro cinco, seis siete ocho}"),
    ("phone", "{555-1234|cinco cinco cinco, uno dos tres cuatro}"),
    ("unit", "{5 km|cinco kilómetros}, {1 km|un kilómetro}, {100 km/h|cien kilómetros por hora}"),
    ("unit", "{1,5 kg|uno coma cinco kilogramos} y {21 t|veintiuna toneladas}"),
    ("unit", "{-5 °C|menos cinco grados Celsius}, {90°|noventa grados}"),
    ("unit", "{50 m²|cincuenta metros cuadrados}, {500 MB|quinientos megabytes}"),
    ("fraction", "{1/2|un medio}, {3/4|tres cuartos}, {2/3|dos tercios}"),
    ("fraction", "{½|un medio}, {2 1/2|dos y medio}, {1½|uno y medio}"),
    ("roman", "en el {s. XXI|siglo veintiuno} y en el {s. V|siglo quinto}"),
    ("roman", "Felipe {VI|sexto}, Alfonso {XIII|trece}, Isabel {II|segunda}"),
    ("roman", "el siglo {XX|veinte} y el siglo {V|quinto}"),
    ("roman", "capítulo {IV|cuatro}, la {II|Segunda} Guerra Mundial"),
    ("fraction", "{½ l|medio litro}, {3/4 kg|tres cuartos de kilogramo}"),
    ("time", "{9:00–18:00 h|nueve a dieciocho}"),
    ("phone", "{91 123 45 67|nueve uno, uno dos tres, cuatro cinco, seis siete}"),
    ("version", "{v2.0.1|versión dos punto cero punto uno}"),
    ("version", "Python {3.12.1|tres punto doce punto uno}"),
    ("url", "En {www.ejemplo.es|w w w punto ejemplo punto es}, claro."),
    ("url", "{https://ejemplo.es/ayuda|ejemplo punto es barra ayuda}"),
    ("email", "Escribe a {info@ejemplo.es|info arroba ejemplo punto es}."),
    ("abbreviation", "{p. ej.|por ejemplo} el {Sr.|señor} López y la {Sra.|señora} Ruiz, {etc.|etcétera.}"),
    ("abbreviation", "{Dr.|doctor} Gil, {n.º 5|número cinco}, {pág. 12|página doce}"),
    ("abbreviation", "en {EE. UU.|Estados Unidos} y en {44|cuarenta y cuatro} {a. C.|antes de Cristo.}"),
    ("math", "{2|dos} {+|más} {2|dos} {=|es igual a} {4|cuatro}"),
    ("math", "{3|tres} {×|por} {4|cuatro}, {± 5|más menos cinco}"),
    ("sign", "{§ 5|párrafo cinco}, López {&|y} hijos, {#3|número tres}"),
    ("special", "Abierto {24/7|veinticuatro siete}."),
    ("special", "Mide {5'10\"|cinco pies diez pulgadas}."),
    ("roman", "el {IV|Cuarto} Congreso, la {II|Segunda} Edición"),
    ("fraction", "{1/2|media} taza, {½|medio} kilo, {3 cdas.|tres cucharadas} de azúcar"),
    ("time", "El lunes a las {20.30|veinte y treinta}, con {20.30|veinte punto treinta}"),
)

REGIONS = (
    ("es-MX", "{1,234.50|mil doscientos treinta y cuatro punto cincuenta}"),
    ("es-MX", "{$12.50|doce pesos con cincuenta}"),
    ("es-MX", "el {1 de mayo|primero de mayo}"),
    ("es-MX", "{3.14|tres punto catorce}"),
    ("es-AR", "{$ 1.234,50|mil doscientos treinta y cuatro pesos con cincuenta}"),
    ("es-ES", "{3,14|tres coma catorce}"),
)

AS_IT_WAS = ("¿Qué tal el día? ¡Bien!", "MIX, CD y VI", "El señor y la señora")


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_spanish_is_read_as_a_spaniard_reads_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("es", text_of(marked)) == marked


@pytest.mark.parametrize(("language", "marked"), REGIONS)
def test_a_region_has_its_own_signs(language: str, marked: str) -> None:
    """Mexico writes a decimal point, and '$' is the peso there and in Argentina."""
    assert marked_by(language, text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_stay_as_they_are(text: str) -> None:
    """Character for character."""
    assert stays("es", text)


def test_a_comma_that_may_mean_either_stays() -> None:
    """'1,234' is a thousand in Mexico and a decimal in Spain; without a region it is ambiguous and stays."""
    assert stays("es", "unos 1,234 metros")
