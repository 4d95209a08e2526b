"""Who may speak a request, by the settings' defaults."""

from cloning.generate.candidates import Candidate, candidates_of
from cloning.settings import Settings
from tests.unit.cloning.test_parameters import generate

SETTINGS = Settings()


def order(**more: object) -> tuple[Candidate, ...]:
    """The engines that may speak such a request, the first one first."""
    return candidates_of(generate(**more).wishes(), SETTINGS)
