"""A real Whisper hears a human voice without a mistake, and reports what it can't hear as an error."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cloning.audio.canonical import check_and_make_canonical
from cloning.audio.decoding import decode
from cloning.checking import ProblemKind, Speech, judge
from cloning.errors import Interrupted, TranscriptionFailed
from cloning.ports import Alignment, F5Parameters, Reference, Samples, Transcriber, Unaligned
from engines.device.placement import Weights
from engines.whisper.encoding import encoded
from engines.whisper.transcriber import WhisperTranscriber
from tests.conftest import SPOKEN
from tests.standins.fakes import EchoTranscriber
from tests.standins.stammerer import Eavesdropper, Hummer
from tests.unit.cloning.audio.test_canonical import wav


@pytest.fixture(scope="module")
def whisper(small_whisper: Path) -> WhisperTranscriber:
    return WhisperTranscriber.load(str(small_whisper), "cpu")


@pytest.fixture(params=["whisper", "echo"])
def transcriber(request: pytest.FixtureRequest) -> Transcriber:
    return request.getfixturevalue("whisper") if request.param == "whisper" else EchoTranscriber(SPOKEN)


@pytest.fixture(scope="module")
def canonical(human_wav: bytes) -> Samples:
    return decode(check_and_make_canonical(human_wav)[0].wav).samples


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@pytest.mark.parametrize("language", [None, "en", "en-GB"])
def test_a_human_voice_is_heard_at_wer_0(transcriber: Transcriber, canonical: Samples, language: str | None) -> None:
    """Every word of the sample in f5-tts's package is heard, with and without a given language."""
    heard = transcriber.transcribe(canonical, 24_000, language=language)

    assert words(heard.text) == words(SPOKEN)
    assert heard.model == transcriber.model


def test_a_quiet_voice_is_heard_to_its_last_word(whisper: WhisperTranscriber, human_wav: bytes) -> None:
    """A voice 26 dB below its usual level is heard to its last word; its end must not be taken for silence."""
    recording = decode(human_wav)
    quiet = wav((recording.samples * 10 ** (-26 / 20)).astype(np.float32), recording.sample_rate)

    stored = decode(check_and_make_canonical(quiet)[0].wav).samples

    assert words(whisper.transcribe(stored, 24_000, language="en").text) == words(SPOKEN)


def test_what_is_left_of_a_long_recording_are_whole_sentences(whisper: WhisperTranscriber, human_wav: bytes) -> None:
    """Of a sentence said three times two whole ones are kept, and no beginning of the third."""
    recording = decode(human_wav)
    long = wav(np.tile(recording.samples, 3), recording.sample_rate)

    stored = decode(check_and_make_canonical(long)[0].wav).samples

    assert words(whisper.transcribe(stored, 24_000, language="en").text) == words(SPOKEN) * 2


def test_hearing_can_be_stopped(transcriber: Transcriber, canonical: Samples) -> None:
    """A cancelled job stops the recogniser, which noise may occupy for minutes; the next recording is heard as ever."""

    def stop() -> None:
        raise Interrupted("stop")

    with pytest.raises(Interrupted):
        transcriber.transcribe(canonical, 24_000, language="en", before_step=stop)

    assert words(transcriber.transcribe(canonical, 24_000, language="en").text) == words(SPOKEN)


def test_a_known_text_is_laid_over_a_recording(transcriber: Transcriber, canonical: Samples) -> None:
    """Every word of a known text is found likely, within the recording and in order; the same samples give the same words."""
    alignment = transcriber.align(canonical, 24_000, SPOKEN, language="en")

    assert isinstance(alignment, Alignment)
    starts = [token.start for token in alignment.tokens]
    assert starts == sorted(starts)
    assert [*{token.text_start for token in alignment.tokens if token.log_probability < -4}] == []
    assert alignment.tokens[-1].end <= len(canonical) / 24_000 + 0.02
    assert len(alignment.attended) == pytest.approx(len(canonical) / 24_000 / 0.02, abs=1)
    assert words(transcriber.hear(canonical, 24_000, language="en")) == words(SPOKEN)


def test_a_text_that_cannot_be_laid_over_is_an_answer(transcriber: Transcriber, canonical: Samples) -> None:
    """A text that can't be aligned is reported with the reason, and nothing is raised."""
    told = [
        transcriber.align(canonical, 24_000, "  ", language="en"),
        transcriber.align(canonical[:0], 24_000, "a", language="en"),
    ]

    assert told == [Unaligned("no_text", transcriber.model), Unaligned("no_sound", transcriber.model)]


def test_silence_is_heard_as_nothing(transcriber: Transcriber) -> None:
    """Silence is heard as few or no words, so that a check of silent speech fails for the right reason. (Whisper may make up a few.)"""
    assert len(words(transcriber.hear(np.zeros(24_000, np.float32), 24_000, language="en"))) <= 3


def test_beams_that_share_what_they_heard_say_what_transformers_own_say(
    whisper: WhisperTranscriber, small_whisper: Path, canonical: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sound's keys are made once for all five beams, and the words are those that transformers makes without that."""
    keys, rows = whisper._pipeline.model.get_decoder().layers[0].encoder_attn.k_proj, list[int]()
    with keys.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0]))):
        ours = whisper.transcribe(canonical, 24_000, language="en")
    monkeypatch.setattr("engines.whisper.transcriber.share_encoder_output", lambda _: None)
    usual = WhisperTranscriber.load(str(small_whisper), "cpu")
    keys = usual._pipeline.model.get_decoder().layers[0].encoder_attn.k_proj
    with keys.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0]))):
        theirs = usual.transcribe(canonical, 24_000, language="en")

    assert (ours, rows) == (theirs, [1, 5])


def test_a_whisper_that_keeps_nothing_shares_its_sound_too(
    whisper: WhisperTranscriber, canonical: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation_config.json may turn the cache off; the words are the same."""
    sound = canonical[: 2 * 24_000]
    usual = whisper.transcribe(sound, 24_000, language="en")
    monkeypatch.setattr(whisper._pipeline.model.generation_config, "use_cache", False)

    assert whisper.transcribe(sound, 24_000, language="en") == usual


def test_whisper_aligns_without_touching_its_transcripts(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """Aligning leaves the model's attention as it was, so neither transcripts nor later alignments change."""
    heard = whisper.transcribe(canonical, 24_000, language="en")
    model = whisper._pipeline.model
    before = model.config._attn_implementation

    first = whisper.align(canonical, 24_000, SPOKEN, language=None)
    again = whisper.align(canonical, 24_000, SPOKEN, language="en-GB")

    assert isinstance(first, Alignment)
    assert isinstance(again, Alignment)
    assert first.tokens == again.tokens
    assert whisper.transcribe(canonical, 24_000, language="en") == heard
    assert model.config._attn_implementation == before
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("text", "seconds", "language", "reason"),
    [
        ("word " * 500, 2, "en", "text_too_long"),
        ("words", 31, "en", "sound_too_long"),
        ("words", 2, "xx", "language"),
    ],
)
def test_whisper_says_what_it_cannot_align(
    whisper: WhisperTranscriber, text: str, seconds: int, language: str, reason: str
) -> None:
    """Whisper can't align beyond 30 s, 448 tokens or its languages, and says which."""
    samples = np.zeros(16_000 * seconds, np.float32)

    assert whisper.align(samples, 16_000, text, language=language) == Unaligned(reason, whisper.model)


def test_what_is_said_is_likelier_than_the_text(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """A word said again, and one left out, each weighs more than the text where it was said, and less where it was not."""
    said_again = SPOKEN.replace("mother nature", "mother mother nature")
    left_out = SPOKEN.replace("mother nature", "nature")
    first, behind = round(4.05 * 24_000), round(4.45 * 24_000)  # "mother"
    stammered = np.concatenate((canonical[:behind], canonical[first:behind], canonical[behind:]))
    without = np.concatenate((canonical[:first], canonical[behind:]))

    weights = [
        [weight.gain for weight in whisper.rescore(samples, 24_000, SPOKEN, [said_again, left_out], language="en")]
        for samples in (canonical, stammered, without)
    ]

    right, again, missing = weights
    assert max(right) < 0
    assert again[0] > 0 > again[1]
    assert missing[0] < 0 < missing[1]


def test_who_knows_the_text_hears_it(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """Nothing is made of a text that can't be asked for."""
    assert words(whisper.hear(canonical, 24_000, language="en", knowing=SPOKEN)) == words(SPOKEN)
    assert whisper.hear(canonical, 24_000, language="en", knowing="word " * 500) == ""


def test_an_added_word_is_guessed(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """Among a few, each the text with one more word; of a text that is too long nothing is."""
    without = SPOKEN.replace("mother nature", "nature")

    guessed = whisper.guess(canonical, 24_000, without, language="en")

    assert words(SPOKEN) in [words(one) for one in guessed]
    assert all(len(words(one)) == len(words(without)) + 1 for one in guessed)
    assert whisper.guess(canonical, 24_000, "word " * 500, language="en") == ()


def test_texts_that_are_too_long_weigh_nothing(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """The others are weighed all the same."""
    long, same = whisper.rescore(canonical, 24_000, SPOKEN, ["word " * 500, SPOKEN], language="en")

    assert long.gain == -np.inf
    assert same.gain == pytest.approx(0, abs=1e-3)


def test_the_encoder_hears_a_long_recording_as_ever(whisper: WhisperTranscriber) -> None:
    """What fills the model's window is encoded as transformers encodes it."""
    sound = (0.1 * np.sin(np.arange(28 * 16_000) / 20)).astype(np.float32)
    model, extractor = whisper._pipeline.model, whisper._pipeline.feature_extractor
    features = extractor(sound, sampling_rate=16_000, return_tensors="pt").input_features

    with torch.no_grad():
        expected = model.get_encoder()(features).last_hidden_state
    found = encoded(model, extractor, sound).last_hidden_state

    assert torch.allclose(found, expected, atol=1e-4)


def test_what_looks_like_a_sign_of_the_model_is_text(whisper: WhisperTranscriber, canonical: Samples) -> None:
    """A caller's text can't command the recogniser: what looks like a special token is taken as text."""
    alignment = whisper.align(canonical, 24_000, "<|endoftext|> Some", language="en")

    assert isinstance(alignment, Alignment)
    assert (alignment.tokens[0].text_start, alignment.tokens[-1].text_end) == (0, 18)
    assert len(alignment.tokens) > 4


def test_an_eavesdropper_hears_what_a_hummer_says(tmp_path: Path) -> None:
    """With the stand-ins a check passes what is said in full, and fails what isn't."""
    reference = Reference(tmp_path / "none.wav", "", "0" * 64, 1.0)
    verdicts = []
    for says in (str, lambda text: text.replace(" three", "")):
        engine = Hummer(says)
        samples = engine.speak(reference, "one two three four", seed=1, parameters=F5Parameters())
        ears = Eavesdropper(engine)
        speech = Speech(samples, engine.sample_rate, "one two three four", language="en")
        alignment = ears.align(samples, engine.sample_rate, speech.text, language="en")
        verdicts.append(judge(speech, alignment, ears.hear(samples, engine.sample_rate, language="en")))

    right, wrong = verdicts
    assert (right.state, right.wer) == ("passed", 0.0)
    assert (wrong.state, wrong.wer) == ("failed", 0.25)
    assert (ProblemKind.MISSING_WORD, "three") in {(problem.kind, problem.word) for problem in wrong.problems}


@pytest.mark.parametrize("heard", ["", " ", "...", " - ♪ "])
def test_no_words_are_no_transcript(heard: str) -> None:
    """If nothing is heard, an error is raised: a made-up text would be spoken into every result. (The pipeline is a stand-in.)"""

    class HearsNothing:
        model = SimpleNamespace(generation_config=SimpleNamespace(is_multilingual=False))

        def __call__(self, audio: object, *, generate_kwargs: dict[str, object]) -> dict[str, str]:
            assert "task" not in generate_kwargs  # an English-only Whisper refuses it
            return {"text": heard}

    with pytest.raises(TranscriptionFailed, match="no words"):
        WhisperTranscriber(HearsNothing(), "stand-in", Weights({}, "cpu", {})).transcribe(
            np.zeros(48_000, np.float32), 24_000, language="en"
        )


@pytest.mark.parametrize("language", ["xx", "nds", "jv-ID"])
def test_a_language_that_whisper_does_not_know_is_named(
    whisper: WhisperTranscriber, canonical: Samples, language: str
) -> None:
    """An unknown language is refused with advice, not as transformers' ValueError, which would be reported as a bug."""
    with pytest.raises(TranscriptionFailed, match=repr(language)) as caught:
        whisper.transcribe(canonical, 24_000, language=language)

    assert (caught.value.details["field"], "transcript" in caught.value.message) == ("language", True)


def test_a_recogniser_that_is_not_there_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    """A missing recogniser is an error that names the setting and no path of this machine."""
    with pytest.raises(TranscriptionFailed, match="ASR_MODEL") as caught:
        WhisperTranscriber.load(str(tmp_path / "nowhere"), "cpu")

    assert str(tmp_path) not in caught.value.message
