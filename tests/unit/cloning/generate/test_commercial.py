"""`require_commercial`: what decides, and when it is checked."""

from pathlib import Path

import pytest

from cloning.errors import LicenseRefused
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import parse
from model_cache.catalog import entries
from model_cache.library import Library
from storage.folder_store import FolderStore

LIMITS = Limits(1000, 1000)


def generate(**more: object) -> Generate:
    request = parse({"text": "Hello.", "voice": "anna", **more}, LIMITS)
    assert isinstance(request, Generate)
    return request


@pytest.mark.parametrize("name", [name for name, entry in entries().items() if not entry.commercial])
def test_weights_for_other_use_are_refused_by_licence(name: str, tmp_path: Path) -> None:
    """Weights for other use are refused with their licence and what may be used instead; without the wish nothing is refused."""
    library = Library(FolderStore(tmp_path))

    engine = library.find(name).engine

    library.check(name, engine=engine)
    with pytest.raises(LicenseRefused) as caught:
        library.check(name, engine=engine, commercial=True)

    assert caught.value.details["license"] == entries()[name].license
    assert "F5-TTS-Hindi-Small" in caught.value.message


def test_weights_that_allow_it_pass(tmp_path: Path) -> None:
    """Weights whose licence allows commercial use are accepted."""
    Library(FolderStore(tmp_path)).check("F5-TTS-Hindi-Small", commercial=True)


def test_the_wish_is_part_of_what_an_id_stands_for() -> None:
    """The wish is part of a request's digest, so a result of other weights never answers it; older digests stay the same."""
    plain = generate()

    assert generate(require_commercial=False).digest() == plain.digest()
    assert generate(require_commercial=True).digest() != plain.digest()
