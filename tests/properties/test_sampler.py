"""The fast sampler gives the official path's samples, bit for bit, with any other utterances in the batch."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloning.audio.canonical import check_and_make_canonical
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5.engine import F5Engine
from tests.conftest import SPOKEN
from tests.real import load_tiny_engine

CASES = 40
LETTERS = "abc déf Ôgh, ij. kl! 你好 0-9?"


@dataclass(frozen=True)
class Engines:
    """The same weights on both paths, and a voice."""

    official: F5Engine
    fast: F5Engine
    reference: Reference


@pytest.fixture(scope="module")
def engines(tiny_checkpoint: Path, human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    folder = tmp_path_factory.mktemp("sampler")
    canonical, _ = check_and_make_canonical(human_wav)
    path = folder / "reference.wav"
    path.write_bytes(canonical.wav)
    reference = Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)
    official = load_tiny_engine(tiny_checkpoint, folder, sampler="official")
    return Engines(official, load_tiny_engine(tiny_checkpoint, folder, sampler="fast"), reference)


def utterances(reference: Reference) -> st.SearchStrategy[Utterance]:
    """Any text, length, seed and loudness, with a few solver settings, so that some in a batch share them."""
    parameters = st.builds(
        F5Parameters,
        nfe_step=st.sampled_from([1, 2, 3, 5, 7]),
        cfg_strength=st.sampled_from([0.0, 0.7, 2.0]),
        sway_sampling_coef=st.sampled_from([-1.0, 0.0, 0.6]),
        speed=st.sampled_from([0.8, 1.0, 1.9]),
        target_rms=st.sampled_from([0.02, 0.1, 0.3]),
        fix_duration=st.sampled_from([None, None, 6.1]),
    )
    texts = st.text(LETTERS, min_size=1, max_size=40).filter(str.strip)
    return st.builds(Utterance, st.just(reference), texts, st.integers(0, 2**63 - 1), parameters)


def sha256(samples: object) -> str:
    """The sha256 of float32 samples; an exception is raised here."""
    if isinstance(samples, Exception):
        raise samples
    return hashlib.sha256(samples.tobytes()).hexdigest()  # type: ignore[attr-defined]  # an array


@settings(
    max_examples=CASES, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_it_makes_the_official_samples_whoever_shares_the_batch(engines: Engines, data: st.DataObject) -> None:
    """Whatever an utterance's text, values and batch, the sha256 is the official path's."""
    batch = data.draw(st.lists(utterances(engines.reference), min_size=1, max_size=3))
    company = [replace(one, parameters=batch[0].parameters) for one in batch[1:]]  # these share the solver's steps
    everybody = [*batch, *company]

    together = [sha256(samples) for samples in engines.fast.speak_many(everybody)]
    official = [sha256(samples) for samples in engines.official.speak_many(everybody)]

    assert together == official


def test_alone_among_three_and_among_sixteen_the_sha256_is_the_same(engines: Engines) -> None:
    """The sha256 is the same alone, among three and among sixteen, with mixed lengths, in any place of the batch."""
    one = Utterance(engines.reference, "The quick brown fox jumps over the lazy dog.", 7, F5Parameters(nfe_step=2))
    others = [replace(one, text=one.text[: 12 + 2 * n] * (1 + n % 2), seed=n) for n in range(15)]

    alone = sha256(engines.fast.speak_many([one])[0])
    first = sha256(engines.fast.speak_many([one, *others[:2]])[0])
    middle = sha256(engines.fast.speak_many([*others[:7], one, *others[7:]])[7])
    last = sha256(engines.fast.speak_many([*others, one])[15])

    assert {alone, first, middle, last} == {sha256(engines.official.speak_many([one])[0])}


def test_who_stops_leaves_the_others_as_they_were(engines: Engines) -> None:
    """An utterance that is stopped between two steps isn't solved further; the others get their own samples."""
    asked: list[int] = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise InterruptedError("enough")

    one = Utterance(engines.reference, "I go on until the end of it.", 1, F5Parameters(nfe_step=4))
    stopped, spoken = engines.fast.speak_many([replace(one, before_step=stop), one])

    assert isinstance(stopped, InterruptedError)
    assert len(asked) == 2
    assert sha256(spoken) == sha256(engines.fast.speak_many([one])[0])
