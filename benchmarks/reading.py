"""
Readings: how many texts of the tests' tables the text front end reads as expected, beside what libraries make of them alone.

`python -m benchmarks.reading` takes the tables of tests/unit/cloning/reading/languages. Ours are right by construction: the tables are its
tests. The other columns say what is missing without it: wetext (Chinese, Japanese, English) on the whole text, and num2words in
place of each number. Capitals, punctuation and hyphens don't count, nor does the 'and' of British numbers. Seconds are CPU time for
100,000 characters of such texts.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, about, save
from cloning.reading.languages import FULL, NUMBERS
from cloning.reading.reader import read

LENGTH = 100_000
LIMIT_S = 1.0
WETEXT = ("zh", "ja", "en")
_MARKED = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def cases(language: str) -> list[tuple[str, str, str]]:
    """(class, text, reading) of the language's tests."""
    table = import_module(f"tests.unit.cloning.reading.languages.test_{language}").CASES
    return [(kind.removesuffix("s"), _MARKED.sub(r"\1", case), _MARKED.sub(r"\2", case)) for kind, case in table]


def heard(text: str) -> list[str]:
    """The words, as far as they can be heard."""
    return [word for word in re.sub(r"[\W_]+", " ", text.casefold()).split() if word != "and"]


def ours(language: str) -> Callable[[str], str]:
    """The text front end."""
    return lambda text: read(text, language).text


def wetext(language: str) -> Callable[[str], str] | None:
    """Its normaliser, for whole texts."""
    if language not in WETEXT:
        return None
    from wetext import Normalizer

    normalise: Callable[[str], str] = Normalizer(lang=language, operator="tn").normalize
    return normalise


def num2words(language: str) -> Callable[[str], str] | None:
    """Each number by itself, its signs as the language writes them."""
    from num2words import CONVERTER_CLASSES
    from num2words import num2words as say

    if language not in CONVERTER_CLASSES:
        return None

    def spelled(match: re.Match[str]) -> str:
        group, point = (",", ".") if language in ("en", "ja", "hi") else (".", ",")
        number = match.group().replace(group, "").replace(point, ".")
        return str(say(float(number) if "." in number else int(number), lang=language))

    return lambda text: _NUMBER.sub(spelled, text)


def right(found: list[tuple[str, str, str]], say: Callable[[str], str]) -> Counter[str]:
    """How many of each class are read as expected; a failure is none."""
    counts: Counter[str] = Counter()
    for kind, text, expected in found:
        try:
            words = say(text)
        except Exception:  # noqa: BLE001, S112  # whatever a library fails with
            continue
        counts[kind] += heard(words) == heard(expected)
    return counts


def compared(language: str) -> dict[str, Any]:
    """Counts of the language's cases, and of those that each way reads as expected, by class."""
    found = cases(language)
    ways = {"ours": ours(language), "wetext": wetext(language), "num2words": num2words(language)}
    counts = {name: right(found, way) for name, way in ways.items() if way}
    kinds = Counter(kind for kind, _, _ in found)
    classes = {
        kind: {"cases": number, **{name: count[kind] for name, count in counts.items()}}
        for kind, number in kinds.items()
    }
    seconds = [_seconds(language, " ".join(text for _, text, _ in found)) for _ in range(3)]
    totals = {name: sum(count.values()) for name, count in counts.items()}
    return {"cases": len(found), **totals, "seconds_100k": round(sorted(seconds)[1], 2), "classes": classes}


def _seconds(language: str, text: str) -> float:
    long = (f"{text} " * (LENGTH // len(text) + 1))[:LENGTH]
    start = time.thread_time()
    read(long, language)
    return time.thread_time() - start


def rows(languages: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, object]]:
    """One row per language."""
    for language, one in languages.items():
        columns = {name: one.get(name, "") for name in ("ours", "wetext", "num2words")}
        yield {"language": language, "texts": one["cases"], **columns, "CPU s for 100k": one["seconds_100k"]}


def main() -> None:
    """Compare all languages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    folder = parser.parse_args().results
    languages = {language: compared(language) for language in (*FULL, *NUMBERS)}
    report = {
        "what": "texts of the tests' tables that are read as expected; CPU seconds of reading 100,000 characters of them",
        **about(Path.cwd()),
        "libraries": {name: version(name) for name in ("wetext", "num2words", "unicode-rbnf")},
        "languages": languages,
        "holds": {
            "ours reads every text": all(one["ours"] == one["cases"] for one in languages.values()),
            f"100,000 characters within {LIMIT_S:g} s": all(
                one["seconds_100k"] <= LIMIT_S for one in languages.values()
            ),
        },
    }
    save(report, folder, "reading", list(rows(languages)))


if __name__ == "__main__":
    main()
