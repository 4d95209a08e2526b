"""Keys are written and parsed in one place, and no id leads out of its folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning import keys

IDS = st.from_regex(keys.ID_PATTERN, fullmatch=True)
SHA = "a" * 64


@given(name=IDS)
def test_what_is_spelled_can_be_parsed(name: str) -> None:
    """The keys of voices, jobs and dictionaries can be parsed back from a listing."""
    assert keys.voice_of(keys.voice_record(name)) == (name, False)
    assert keys.voice_of(keys.bare_voice(name)) == (name, True)
    assert keys.job_of(keys.job_record(name)) == name
    assert keys.dictionary_of(keys.dictionary(name)) == name


@given(name=IDS)
def test_only_the_record_proves_a_voice_or_a_job(name: str) -> None:
    """Audio and chunks without a record belong to no voice or job."""
    assert keys.voice_of(keys.voice_audio(name, SHA)) is None
    assert keys.job_of(keys.chunk(name, 0, SHA)) is None


@given(one=IDS, other=IDS)
def test_no_two_ids_share_a_key(one: str, other: str) -> None:
    """No two jobs share a result's key, whatever dots their ids have."""
    assert keys.is_result_of(one, keys.result(one, SHA, "wav"))
    if one != other:
        assert not keys.is_result_of(other, keys.result(one, SHA, "wav"))
        assert keys.job_folder(one) != keys.job_folder(other)


@given(text=st.text(max_size=70))
def test_what_is_no_id_makes_no_key(text: str) -> None:
    """Ids with slashes, leading dots, spaces or line ends are refused before they become a key."""
    if keys.is_id(text):
        assert "/" not in text
        assert not text.startswith(".")
        assert "\n" not in text
    else:
        for spell in (
            keys.voice_record,
            keys.job_record,
            keys.bare_voice,
            keys.checkpoint_folder,
            keys.result_prefix,
            keys.dictionary,
        ):
            with pytest.raises(ValueError, match="is not an id"):
                spell(text)


@pytest.mark.parametrize("digest", ["", "A" * 64, "a" * 63, "../" + "a" * 61])
def test_what_is_no_digest_makes_no_key(digest: str) -> None:
    """A digest from a record is checked like an id from a caller."""
    with pytest.raises(ValueError, match="is not a sha256"):
        keys.voice_audio("anna", digest)


@pytest.mark.parametrize(
    "key", ["voices/../x/voice.json", "voices/a/b/voice.json", "voices/a.wav/x", "other/a/voice.json", "voices/a.WAV"]
)
def test_foreign_keys_are_nobodys(key: str) -> None:
    """A listing may hold any keys; only those of our own form are parsed."""
    assert keys.voice_of(key) is None
