"""A quiet voice keeps its words: it is raised before anything takes it for silence, and anything that is still cut is reported."""

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
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import act
from tests.unit.cloning.audio.test_canonical import wav


@pytest.fixture(scope="module")
def voice(human_wav: bytes) -> Samples:
    """5.3 s of a human voice, 24 kHz, -18 dBFS."""
    return decode(human_wav).samples


def at(level_db: float, samples: Samples) -> Samples:
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


@pytest.mark.parametrize("level_db", [-20, -22, -24, -26])
def test_a_quiet_recording_is_stored_as_loud_as_others(level_db: float, voice: Samples) -> None:
    """A quiet recording is raised to the level of others without losing words; the gain is reported, and the measures are unchanged."""
    canonical, measures = check_and_make_canonical(wav(at(level_db, voice)))

    stored = decode(canonical.wav)
    assert canonical.duration == pytest.approx(4.6, abs=0.2)
    assert (canonical.clipped, canonical.gain_db > 10) == (False, True)
    assert speech_dbfs(stored.samples, SAMPLE_RATE) == pytest.approx(-20, abs=0.5)
    assert measures.rms_dbfs == pytest.approx(-17.8 + level_db, abs=0.2)


@pytest.mark.parametrize("level_db", [0, -6, -12, -18])
def test_a_recording_of_usual_level_is_not_touched(level_db: float, voice: Samples) -> None:
    """A recording of usual level stays as it is, up to the level at which upstream's thresholds are still below the words."""
    canonical, _ = check_and_make_canonical(wav(at(level_db, voice)))

    assert canonical.gain_db == 0
    assert measure(decode(canonical.wav)).peak_dbfs == pytest.approx(-1.4 + level_db, abs=0.1)


@pytest.mark.parametrize("loud_s", [0.4, 0.0004])
def test_a_short_sound_in_a_quiet_room_is_no_voice(loud_s: float) -> None:
    """A short sound in a quiet room is no voice: the room's noise is not raised until it passes for speech."""
    generator = np.random.default_rng(0)
    samples = (generator.standard_normal(4 * SAMPLE_RATE) * 10 ** (-60 / 20)).astype(np.float32)
    loud = slice(SAMPLE_RATE, SAMPLE_RATE + round(loud_s * SAMPLE_RATE))
    samples[loud] = 0.3 * np.sign(np.sin(np.arange(loud.stop - loud.start)))

    with pytest.raises(InvalidAudio):
        check_and_make_canonical(wav(samples))


def test_a_click_does_not_keep_a_voice_quiet(voice: Samples) -> None:
    """The level is that of half a second and not of a peak, so a click doesn't keep a voice quiet."""
    clicking = at(-24, voice)
    clicking[60_000:60_010] = 0.99

    canonical, _ = check_and_make_canonical(wav(clicking))

    assert canonical.gain_db > 10


def test_speech_that_is_cut_as_silence_is_told(voice: Samples) -> None:
    """A sentence 36 dB below the first is cut as silence by upstream; that is reported, since a transcript of both would be wrong."""
    canonical, _ = check_and_make_canonical(wav(np.concatenate([voice, at(-36, voice)])))

    assert (canonical.duration < 6, canonical.clipped) == (True, True)


@pytest.mark.parametrize("level_db", [-32, -34, -36])
@pytest.mark.parametrize("name", ["basic/basic_ref_en.wav", "multi/town.flac"])
def test_speech_that_is_far_quieter_than_the_rest_is_told(name: str, level_db: float) -> None:
    """Speech far quieter than the rest is reported for each voice, whatever remains of it."""
    recording = decode((examples() / name).read_bytes())

    canonical, _ = check_and_make_canonical(wav(np.concatenate([recording.samples, at(level_db, recording.samples)])))

    assert canonical.clipped


@pytest.mark.parametrize("noise_dbfs", [-46, -55, -70])
def test_noise_around_the_speech_is_not_speech(noise_dbfs: float, voice: Samples) -> None:
    """A room's noise around the words and digital silence are removed without a warning."""
    noise = np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    room, nothing = at(noise_dbfs, noise), np.zeros(2 * SAMPLE_RATE, np.float32)

    canonical, _ = check_and_make_canonical(wav(np.concatenate([nothing, room, voice[:72_000], room, nothing])))

    assert not canonical.clipped


def upload(service: Service, samples: Samples, **more: Any) -> dict[str, Any]:
    return act(service, action="upload", voice="anna", audio=b64encode(wav(samples)).decode(), consent=True, **more)


def test_the_gain_is_in_reply_and_record(service: Service, voice: Samples) -> None:
    """The reply and the record say by how much a voice was raised."""
    reply = upload(service, at(-24, voice))

    assert reply["gain_db"] == service.voices.get("anna").audio.gain_db == pytest.approx(15.8, abs=0.3)


def test_a_transcript_of_words_that_were_cut_is_refused(service: Service, voice: Samples) -> None:
    """A transcript is refused if some of the words were cut, even in a recording under 12 s."""
    with pytest.raises(InvalidRequest, match="cut off"):
        upload(service, np.concatenate([voice, at(-36, voice)]), transcript=f"{SPOKEN} {SPOKEN}")


def test_a_record_of_an_earlier_version_has_no_gain(service: Service, voice: Samples) -> None:
    """A record of an earlier version has no gain, because nothing was raised then."""
    upload(service, voice)
    body = service.voices.get("anna").model_dump(mode="json")
    del body["audio"]["gain_db"]

    assert Voice.model_validate(body).audio.gain_db == 0


@pytest.mark.parametrize("level_db", [0, -20, -26, -40, -60])
def test_removing_silence_spares_quiet_speech(level_db: float, voice: Samples) -> None:
    """What counts as silence depends on the speech's level: a pause of 3 s becomes 1 s, and quiet speech stays."""
    pause = np.zeros(3 * SAMPLE_RATE, np.float32)

    kept = remove_long_silences(to_pcm16(at(level_db, np.concatenate([voice, pause, voice]))), SAMPLE_RATE)

    assert len(kept) / SAMPLE_RATE == pytest.approx(10.5, abs=0.6)


def test_a_result_without_a_sound_is_a_failure(service: Service, engine: ToneEngine, voice: Samples) -> None:
    """A result of digital silence or without samples is a failure."""
    upload(service, voice)
    speak = engine.speak
    engine.speak = lambda *a, **more: speak(*a, **more) * np.float32(1e-6)  # type: ignore[method-assign]  # a broken model

    reply = answer(
        service, {"text": "Hello there.", "voice": "anna", "remove_silence": True, "format": "flac"}, Call("j")
    )

    assert reply["code"] == "INTERNAL"
