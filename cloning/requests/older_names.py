"""Requests of older clients: other names of actions and fields, and fields that older services answered with invented values."""

from collections.abc import Container, Iterable, Mapping

from cloning.errors import InvalidRequest

OLDER_NAMES = {"voice_name": "voice", "local_voice": "voice", "voice_file": "audio", "voice_file_url": "audio_url"}
OLDER_ACTIONS = {"list_voices": "voices"}
OLDER_TIMINGS = {"return_word_timings", "timing_format"}
NOT_THERE_YET = {
    "text_file": "a voice's transcript is made from its audio; send 'transcript' to set it yourself",
    "text_file_url": "a voice's transcript is made from its audio; send 'transcript' to set it yourself",
}


def todays_names(sent: Iterable[str], known: Container[str]) -> dict[str, str]:
    """Map each of today's names (`known`) to the one that was sent. Raises InvalidRequest for a field sent twice, or one that can't be honoured."""
    names: dict[str, str] = {}
    for name in sent:
        if name in NOT_THERE_YET:
            raise InvalidRequest(f"{name!r} can't be honoured: {NOT_THERE_YET[name]}; leave it out", field=name)
        today = OLDER_NAMES.get(name, name) if OLDER_NAMES.get(name) in known else name
        if today in names:
            older = [repr(one) for one in (names[today], name) if one != today]
            which = f"{older[0]} is an older name" if len(older) == 1 else f"{' and '.join(older)} are older names"
            raise InvalidRequest(f"{which} of {today!r}; send one of them", field=name)
        names[today] = name
    return names


def with_timings(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields with `return_word_timings` and `timing_format` as today's `words` and `subtitles`. Raises InvalidRequest."""
    today = dict(fields)
    asked, form = today.pop("return_word_timings", None), today.pop("timing_format", None)
    for name, value in (("return_word_timings", asked), ("timing_format", form)):
        if value is not None and (clash := today.keys() & {"words", "subtitles"}):
            raise InvalidRequest(f"{name!r} is an older name of {min(clash)!r}; send one of them", field=name)
    if asked is not None and not isinstance(asked, bool):
        raise InvalidRequest("return_word_timings should be true or false", field="return_word_timings")
    if form not in (None, "json", "srt", "vtt"):
        raise InvalidRequest("timing_format should be 'json', 'srt' or 'vtt'", field="timing_format")
    if form is not None and not asked:
        raise InvalidRequest("timing_format does nothing without return_word_timings: true", field="timing_format")
    if asked:
        today |= {"words": True} if form in (None, "json") else {"words": True, "subtitles": [form]}
    return today
