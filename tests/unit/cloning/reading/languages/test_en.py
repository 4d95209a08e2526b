"""How English is read."""

import pytest

from tests.unit.cloning.reading.languages.marked import Case, marked_by, stays, text_of

CASES: tuple[Case, ...] = (
    ("cardinal", "There were {21|twenty-one} of us."),
    ("cardinal", "{1,024|one thousand twenty-four} and {1\u202f024|one thousand twenty-four}"),
    ("cardinal", "{1,234,567|one million two hundred thirty-four thousand five hundred sixty-seven} people"),
    ("cardinal", "{-5|minus five} or {−5|minus five}"),
    ("cardinal", "Agent {007|zero zero seven}"),
    ("cardinal", "{1998|one thousand nine hundred ninety-eight} apples"),
    ("cardinal", "{1|one}. Buy milk"),
    (
        "cardinal",
        "{12345678901234567|one two three four five six seven eight nine zero one two three four five six seven}",
    ),
    ("decimal", "Pi is {3.14|three point one four}."),
    ("decimal", "{0.05|zero point zero five}, {.5|point five}, {1,234.5|one thousand two hundred thirty-four point five}"),
    ("ordinal", "{1st|first}, {2nd|second}, {3rd|third}, {21st|twenty-first}"),
    ("ordinal", "the {3,497th|three thousand four hundred ninety-seventh} item, the {100th|one hundredth} day"),
    ("year", "In {1998|nineteen ninety-eight} it rained."),
    ("year", "since {2005|two thousand five}, until {2024|twenty twenty-four}"),
    ("year", "{in 1848|in eighteen forty-eight}, {in 1066|in ten sixty-six}"),
    ("year", "the {2008|two thousand eight} crisis, {1905|nineteen oh five}, {1900|nineteen hundred}"),
    ("year", "the class of {'98|ninety-eight}"),
    ("decade", "the {1990s|nineteen nineties} and the {'80s|eighties}"),
    ("decade", "the mid-{1980's|nineteen eighties}, in her {20s|twenties}, the {2010s|twenty tens}"),
    ("money", "It costs {$12.50|twelve dollars and fifty cents}."),
    ("money", "{$1|one dollar}, {$1.01|one dollar and one cent}, {$0.50|fifty cents}, {50¢|fifty cents}"),
    ("money", "{£5.20|five pounds and twenty pence} or {€1,234.56|one thousand two hundred thirty-four euros and fifty-six cents}"),
    ("money", "{$1.5 billion|one point five billion dollars}, {$5M|five million dollars}, {-$5|minus five dollars}"),
    ("money", "a {$5-million|five million dollar} deal, a price of {$1998|one thousand nine hundred ninety-eight dollars}"),
    ("money", "{20 USD|twenty US dollars}, {CHF 20|twenty Swiss francs}, {R$ 20|twenty reais}, {¥500|five hundred yen}"),
    ("money", "{₹2|two rupees}, {100 ₽|one hundred rubles}, {EUR 5|five euros}, {$5|five dollars}{/| per }month"),
    ("money", "a {$5|five dollars} T-shirt, {$5 million|five million dollars}-worth of T-shirts"),
    ("money", "{$5–10|five to ten dollars}"),
    ("percent", "{5%|five percent}, {0.5 %|zero point five percent}, {5-10%|five to ten percent}"),
    ("time", "at {3:30 pm|three thirty PM}, at {9 a.m.|nine AM} or at {14:30|fourteen thirty}"),
    ("time", "{10:00|ten o'clock}, {3:05|three oh five}, {14:00|fourteen hundred}"),
    ("time", "{9.30pm|nine thirty PM}, {1:02:03|one oh two and three seconds}"),
    ("time", "We met at {11 p.m.|eleven PM.}"),
    ("date", "{March 3rd, 2026|March third, twenty twenty-six}"),
    ("date", "{the 3rd of March 2026|the third of March, twenty twenty-six} or {3 March|the third of March}"),
    ("date", "On {Mar. 3|March third}, and {2026-12-25|December twenty-fifth, twenty twenty-six}"),
    ("date", "{25/12/2026|December twenty-fifth, twenty twenty-six} is clear, {3/4/2026|3/4/2026} is not."),
    ("date", "on {12/25|December twenty-fifth}, in {Jan|January} {2024|twenty twenty-four}"),
    ("date", "{May 5-7, 2024|May fifth to seventh, twenty twenty-four}"),
    ("range", "{10–15|ten to fifteen} people, {500-1000|five hundred to one thousand} words"),
    ("range", "{1998–2005|nineteen ninety-eight to two thousand five}, {2019-20|twenty nineteen to twenty}"),
    ("range", "{9:00-17:00|nine o'clock to seventeen hundred}, {10am–5pm|ten AM to five PM}, {50%-60%|fifty to sixty percent}"),
    ("range", "They won {3-2|three to two}, in {16:9|sixteen to nine}."),
    ("phone", "{+1 415 555 2671|plus one, four one five, five five five, two six seven one}"),
    ("phone", "{555-1234|five five five, one two three four} or {(415) 555-2671|four one five, five five five, two six seven one}"),
    ("phone", "Call {911|nine one one} or {1-800-555-1234|one, eight zero zero, five five five, one two three four}."),
    ("unit", "{–5 °C|minus five degrees Celsius}, {3–5|three to five} of them, {1.2m|one point two million} people and {1.2m|one point two meters} of rope"),
    ("unit", "{5 km|five kilometers}, {1 km|one kilometer}, {60 mph|sixty miles per hour}"),
    ("unit", "a {5-km|five-kilometer} run, {20°C|twenty degrees Celsius}, {−5 °F|minus five degrees Fahrenheit}"),
    ("unit", "He is {5'10\"|five foot ten}."),
    ("unit", "{50 m²|fifty square meters}, {16GB|sixteen gigabytes}, {3–5 kg|three to five kilograms}"),
    ("fraction", "{1/2|one half}, {3/4|three quarters}, {2 1/2|two and one half}, {½|one half}, {2/3|two thirds} cup"),
    ("roman", "{Louis XIV|Louis the fourteenth}, {Henry VIII|Henry the eighth} and {Elizabeth I|Elizabeth the first}."),
    ("roman", "{World War II|World War two}, {Chapter IV|Chapter four}. Henry I am not."),
    ("version", "{v2.0.1|version two point zero point one}, {Python 3.11|Python three point eleven}"),
    ("url", "See {https://example.com/a-b|example dot com slash a dash b}."),
    ("url", "{localhost:8080/api|localhost colon eight zero eight zero slash api}"),
    ("url", "{www.example.org|www dot example dot org}, {192.168.0.1|one nine two dot one six eight dot zero dot one}"),
    ("email", "Write to {me@example.co.uk|me at example dot co dot uk}, please."),
    ("abbreviation", "{Dr.|Doctor} Smith {vs.|versus} {Mr.|Mister} Jones {etc.|et cetera.}"),
    ("abbreviation", "{e.g.|for example} Main {St.|Street} and {St.|Saint} Paul"),
    ("abbreviation", "{No. 5|number five}, {p. 12|page twelve}, {Fig. 3|figure three}"),
    ("math", "{1 + 1|one plus one} {=|equals} {2|two}, {5-3|five minus three}{=| equals }{2|two}, {2|two}{^| to the power of }{10|ten}"),
    ("math", "{3|three} {×|times} {4|four}, {8|eight} {÷|divided by} {2|two}, x {<|is less than} {5|five}"),
    ("sign", "{#5|number five}, {№ 5|number five}, {§ 12|section twelve}, R{&| and }D, Smith {&|and} Sons"),
    ("cardinal", "{1.6k|one point six thousand} of {5M|five million}"),
    ("sign", "{1.5x|one point five times} faster, {3x|three times} faster, {3x4|three by four}, x{²| squared}"),
    ("code", "{MP3|MP three}, {A4|A four}, {H2O|H two O}, COVID-{19|nineteen}, GPT-{4|four}"),
    ("special", "We are open {24/7|twenty-four seven}, since {9/11|nine eleven}, {50/50|fifty fifty}."),
    ("money", "He paid {50 €|fifty euros} {3|three} times, but {5|five} {$10|ten dollars} bills."),
    ("unit", "{8 oz.|eight ounces} cheese, {2 tbsp.|two tablespoons}, {5 min.|five minutes} later. It took {5 min|five minutes}. Then"),
    ("fraction", "{1/2 lb|one half pound} beef, {1 1/2 oz.|one and one half ounces} rum, {¼ tsp|one quarter teaspoon} salt"),
    ("cardinal", "{50 000|fifty thousand} people, {1 000 000|one million}, {10 000 km|ten thousand kilometers}, {$50 000|fifty thousand dollars}"),
    ("time", "It was {10 a.m.|ten AM.} He left. At {9 a.m.|nine AM} Monday, {9 p.m.|nine PM} EST"),
)  # fmt: skip

AS_IT_WAS = (
    "It was a fine day, and I may march on; the second is no number.",
    "MIX, CD and DVD. Part of me, and so forth: it's John's.",
    "Meet me at the corner of no. Then go in. It is so.",
    "3/4/2026",
    "1,23,4",
    "1.2.3.4.5,6",
)


@pytest.mark.parametrize(("kind", "marked"), CASES)
def test_english_is_read_as_people_read_it(kind: str, marked: str) -> None:
    """Each replaced part stands for exactly the characters that it came from."""
    assert marked_by("en", text_of(marked)) == marked


@pytest.mark.parametrize("text", AS_IT_WAS)
def test_words_and_what_is_uncertain_stay(text: str) -> None:
    """Words and uncertain cases stay, character for character."""
    assert stays("en", text)


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("en-US", "{3/4/2026|March fourth, twenty twenty-six}"),
        ("en-GB", "{3/4/2026|the third of April, twenty twenty-six}"),
        ("en-US", "{125|one hundred twenty-five} of us"),
        ("en-GB", "{125|one hundred and twenty-five} of us, {1,234|one thousand two hundred and thirty-four} of them"),
        ("en-GB", "the {101st|one hundred and first} of them"),
        ("en-AU", "{25/12/2026|the twenty-fifth of December, twenty twenty-six}"),
        ("en-CA", "{3/4/2026|3/4/2026}"),
    ],
)
def test_britain_and_america_have_their_own_dates_and_numbers(language: str, marked: str) -> None:
    """Britain and America read dates and numbers differently; an unknown region reads as English without one."""
    assert marked_by(language, text_of(marked)) == marked
