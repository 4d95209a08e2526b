"""A quiet voice keeps its words: it is raised before anything takes it for silence, and what is cut all the same is told."""

from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from cloning.audio.canonical import SAMPLE_RATE, check_and_make_canonical, measure, to_pcm16
from cloning.audio.clipping import remove_long_silences, speech_dbfs
from cloning.audio.decoding import decode
from cloning.errors import InvalidAudio, InvalidRequest
from cloning.ports import Samples
from cloning.service import Call, Service
from cloning.voices.record import Voice
from handler import answer
from tests.conftest import SPOKEN, examples
from tests.fakes import ToneEngine
from tests.unit.cloning.audio.test_canonical import wav
from tests.unit.cloning.generate.test_attempt import act


@pytest.fixture(scope="module")
def voice(human_wav: bytes) -> Samples:
    """5.3 s of a human voice, 24 kHz, -18 dBFS."""
    return decode(human_wav).samples


def at(level_db: float, samples: Samples) -> Samples:
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


@pytest.mark.parametrize("level_db", [-20, -22, -24, -26])
def test_a_quiet_recording_is_stored_as_loud_as_others(level_db: float, voice: Samples) -> None:
    """None of its words are taken for silence, and the gain is reported; the measures are unchanged."""
    canonical, measures = check_and_make_canonical(wav(at(level_db, voice)))

    stored = decode(canonical.wav)
    assert canonical.duration == pytest.approx(4.6, abs=0.2)
    assert (canonical.clipped, canonical.gain_db > 10) == (False, True)
    assert speech_dbfs(stored.samples, SAMPLE_RATE) == pytest.approx(-20, abs=0.5)
    assert measures.rms_dbfs == pytest.approx(-17.8 + level_db, abs=0.2)


@pytest.mark.parametrize("level_db", [0, -6, -12, -18])
def test_a_recording_of_usual_level_is_not_touched(level_db: float, voice: Samples) -> None:
    """Up to the level at which upstream's thresholds are still below the words."""
    canonical, _ = check_and_make_canonical(wav(at(level_db, voice)))

    assert canonical.gain_db == 0
    assert measure(decode(canonical.wav)).peak_dbfs == pytest.approx(-1.4 + level_db, abs=0.1)


@pytest.mark.parametrize("loud_s", [0.4, 0.0004])
def test_a_short_sound_in_a_quiet_room_is_no_voice(loud_s: float) -> None:
    """Its half second is the room's noise, which is not raised until it passes for speech."""
    generator = np.random.default_rng(0)
    samples = (generator.standard_normal(4 * SAMPLE_RATE) * 10 ** (-60 / 20)).astype(np.float32)
    loud = slice(SAMPLE_RATE, SAMPLE_RATE + round(loud_s * SAMPLE_RATE))
    samples[loud] = 0.3 * np.sign(np.sin(np.arange(loud.stop - loud.start)))

    with pytest.raises(InvalidAudio):
        check_and_make_canonical(wav(samples))


def test_a_click_does_not_keep_a_voice_quiet(voice: Samples) -> None:
    """The level is that of half a second, not of a peak."""
    clicking = at(-24, voice)
    clicking[60_000:60_010] = 0.99

    canonical, _ = check_and_make_canonical(wav(clicking))

    assert canonical.gain_db > 10


def test_speech_that_is_cut_as_silence_is_told(voice: Samples) -> None:
    """The second sentence 36 dB below the first: upstream's trimming takes it for silence, and a transcript of both would be untrue."""
    canonical, _ = check_and_make_canonical(wav(np.concatenate([voice, at(-36, voice)])))

    assert (canonical.duration < 6, canonical.clipped) == (True, True)


@pytest.mark.parametrize("level_db", [-32, -34, -36])
@pytest.mark.parametrize("name", ["basic/basic_ref_en.wav", "multi/town.flac"])
def test_speech_that_is_far_quieter_than_the_rest_is_told(name: str, level_db: float) -> None:
    """Of each voice, whatever remains of it."""
    recording = decode((examples() / name).read_bytes())

    canonical, _ = check_and_make_canonical(wav(np.concatenate([recording.samples, at(level_db, recording.samples)])))

    assert canonical.clipped


@pytest.mark.parametrize("noise_dbfs", [-46, -55, -70])
def test_noise_around_the_speech_is_not_speech(noise_dbfs: float, voice: Samples) -> None:
    """A room's noise before and after the words, and digital silence around it, are removed without a warning."""
    noise = np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    room, nothing = at(noise_dbfs, noise), np.zeros(2 * SAMPLE_RATE, np.float32)

    canonical, _ = check_and_make_canonical(wav(np.concatenate([nothing, room, voice[:72_000], room, nothing])))

    assert not canonical.clipped


def upload(service: Service, samples: Samples, **more: Any) -> dict[str, Any]:
    return act(service, action="upload", voice="anna", audio=b64encode(wav(samples)).decode(), consent=True, **more)


def test_the_gain_is_in_reply_and_record(service: Service, voice: Samples) -> None:
    """A caller learns that the voice was raised, and by how much."""
    reply = upload(service, at(-24, voice))

    assert reply["gain_db"] == service.voices.get("anna").audio.gain_db == pytest.approx(15.8, abs=0.3)


def test_a_transcript_of_words_that_were_cut_is_refused(service: Service, voice: Samples) -> None:
    """Though the recording is under 12 s."""
    with pytest.raises(InvalidRequest, match="cut off"):
        upload(service, np.concatenate([voice, at(-36, voice)]), transcript=f"{SPOKEN} {SPOKEN}")


def test_a_record_of_an_earlier_version_has_no_gain(service: Service, voice: Samples) -> None:
    """It says nothing of one; nothing was raised then."""
    upload(service, voice)
    body = service.voices.get("anna").model_dump(mode="json")
    del body["audio"]["gain_db"]

    assert Voice.model_validate(body).audio.gain_db == 0


@pytest.mark.parametrize("level_db", [0, -20, -26, -40, -60])
def test_removing_silence_spares_quiet_speech(level_db: float, voice: Samples) -> None:
    """What counts as silence goes by the level of the speech: 3 s of pause become 1 s, and nothing else goes."""
    pause = np.zeros(3 * SAMPLE_RATE, np.float32)

    kept = remove_long_silences(to_pcm16(at(level_db, np.concatenate([voice, pause, voice]))), SAMPLE_RATE)

    assert len(kept) / SAMPLE_RATE == pytest.approx(10.5, abs=0.6)


def test_a_result_without_a_sound_is_a_failure(service: Service, engine: ToneEngine, voice: Samples) -> None:
    """16 bits of nothing, or a file of no samples, are no speech."""
    upload(service, voice)
    speak = engine.speak
    engine.speak = lambda *a, **more: speak(*a, **more) * np.float32(1e-6)  # type: ignore[method-assign]  # a broken model

    reply = answer(
        service, {"text": "Hello there.", "voice": "anna", "remove_silence": True, "format": "flac"}, Call("j")
    )

    assert reply["code"] == "INTERNAL"
