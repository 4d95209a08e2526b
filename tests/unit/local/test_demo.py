"""How the demo ends."""

from pathlib import Path

import pytest

from local import demo


def run_main(monkeypatch: pytest.MonkeyPatch, out: Path, misheard: float | None) -> None:
    """Run the command line around a demo in which this share of the words was misheard."""
    monkeypatch.setattr(demo, "run_demo", lambda *_, **__: misheard)
    monkeypatch.setattr("sys.argv", ["demo", "--small", "--out", str(out)])
    demo.main()


def test_too_many_misheard_words_fail_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Too many misheard words fail the demo with both figures."""
    with pytest.raises(SystemExit, match="50% of the words were misheard; 34% are allowed"):
        run_main(monkeypatch, tmp_path, 0.5)


@pytest.mark.parametrize("misheard", [None, 0.0, 0.34])
def test_a_demo_that_is_understood_ends_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, misheard: float | None
) -> None:
    """A demo ends well if its words are understood, or if it says none."""
    run_main(monkeypatch, tmp_path, misheard)


def test_random_weights_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Random weights must be asked for by name; they speak chunks of noise, in which no words are looked for."""
    monkeypatch.setattr(demo, "make_checkpoint", lambda folder: folder)
    monkeypatch.setattr(demo, "make_whisper", lambda folder: folder)

    models = demo.choose_models(tmp_path, small=False, random=True)

    assert models.checkpoint == str(tmp_path / "tiny")
    assert (models.part.text, models.part.says_words) == (demo.TEXT, False)
    assert "noise, not speech" in models.why
