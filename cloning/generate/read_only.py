"""The reading of a text by the rules of a generate, without generating."""

from dataclasses import replace

from cloning.generate.advice import of_tags, of_unread
from cloning.generate.respellings import respellings_of
from cloning.planning.engine_kinds import KINDS
from cloning.reading.reader import read
from cloning.reading.spans import Reading
from cloning.replies import Reply, reading_reply
from cloning.requests.texts import Read
from cloning.service import Call, Service


def read_only(service: Service, request: Read, call: Call) -> Reply:
    """Read the text. Asks the bucket only for a named dictionary, and for voices if no language is sent. Raises InvalidText, NotFound."""
    say = respellings_of(service, request).say
    turns = request.speeches()
    reads_numbers = KINDS[request.engine or service.settings.engine].reads_numbers
    reads_here = request.normalize == "auto" and not reads_numbers
    unknown = not (reads_numbers or request.language)
    voices = sorted({turn.voice for turn in turns if turn.voice and unknown})
    languages = {voice: service.voices.get(voice, stopped=call.stopped).language for voice in voices}
    replies = [
        _reply(
            read(
                turn.text,
                None if reads_numbers else request.language or languages.get(turn.voice or ""),
                say=say,
                normalize=request.normalize == "auto",
                paragraph_pause_s=service.settings.paragraph_pause_ms / 1000,
            ),
            reads_here=reads_here,
        )
        for turn in turns
    ]
    return {"turns": replies} if request.turns else replies[0]


def _reply(reading: Reading, *, reads_here: bool) -> Reply:
    """The reading, with what a generate warns of: tags, and numbers that should have been read here."""
    unread = of_unread([reading]) if reads_here else ()
    return reading_reply(replace(reading, warnings=(*of_tags(reading.text), *unread, *reading.warnings)))
