"""The options of the command line."""

import argparse
import json
from typing import Any

from f5_worker_client.texts import LONGEST_TEXT

_LAST_PORT = 65_535
EXIT_CODES = {
    0: "done",
    1: "the answer is negative: `check` did not pass, or `health` is degraded",
    2: "the request, a file or an option must be changed",
    3: "no such voice, job, dictionary or endpoint",
    4: "the request contradicts what is stored, or the result isn't ready",
    5: "the job or call failed for good, or was cancelled",
    6: "no answer, or not in time: the same command may work later",
    7: "the key is missing or refused",
    8: "the file could not be downloaded, or is not what the reply promised",
    130: "stopped by Ctrl-C; a job that was sent goes on",
}


def parser() -> argparse.ArgumentParser:
    """All commands."""
    whole = argparse.ArgumentParser(
        prog="f5-worker",
        description="Clone voices and speak with a worker on RunPod, or on this machine.",
        epilog="exit codes: " + "; ".join(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items()),
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = _common()
    for add in (_upload, _voices, _speak, _job_commands, _delete, _keep, _read, _check, _serve, _health):
        add(commands, common)
    return whole


Commands = Any  # argparse's own type is private


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    where = common.add_argument_group("where and how")
    where.add_argument("--endpoint", metavar="ID", help="the endpoint's id on RunPod; unset: F5_ENDPOINT")
    where.add_argument(
        "--url",
        metavar="URL",
        help="another address: a queue like http://127.0.0.1:8000, or a worker's own HTTP server like https://ID.api.runpod.ai/v1; unset: F5_URL",
    )
    where.add_argument(
        "--timeout", type=_seconds, default=3600.0, metavar="S", help="total seconds to wait (%(default)g)"
    )
    where.add_argument("--json", action="store_true", help="print the result, or the error, as one JSON object")
    where.add_argument("--quiet", action="store_true", help="no progress, no remarks")
    return common


def _upload(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("upload", parents=[common], help="store a voice from a recording")
    command.add_argument("file", metavar="FILE", help="the recording, or its http(s) URL")
    command.add_argument("--voice", required=True, metavar="V", help="the voice's name")
    command.add_argument("--consent", metavar="SENTENCE", help="how the speaker agreed to be cloned")
    command.add_argument("--language", metavar="L", help="language of the recording, such as en")
    command.add_argument(
        "--transcript", metavar="TEXT", help="the exact words of the recording; unset: the recogniser's"
    )
    command.add_argument("--transcribe-now", action="store_true", help="make the transcript at once")
    command.add_argument("--replace", action="store_true", help="overwrite a voice of that name")


def _voices(commands: Commands, common: argparse.ArgumentParser) -> None:
    commands.add_parser("voices", parents=[common], help="list the voices: name, seconds, language")


def _speak(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("speak", parents=[common], help="speak a text into a file")
    command.add_argument("text", metavar="TEXT|FILE|-", help="the text, a file that holds it, or - for stdin")
    command.add_argument("--voice", required=True, metavar="V", help="the voice's name")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help=".wav, .flac, .mp3, .ogg or .opus")
    command.add_argument("--srt", action="store_true", help="also write subtitles beside the sound")
    command.add_argument("--vtt", action="store_true", help="subtitles as WebVTT")
    command.add_argument("--words", action="store_true", help="also write the times of the words")
    command.add_argument(
        "--play-as-it-comes", action="store_true", help="play it while it is made, by ffplay, aplay or paplay"
    )
    command.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same speech")
    command.add_argument("--speed", type=float, metavar="X", help="speaking rate, 0.3 to 2")
    command.add_argument("--check", choices=("off", "fast", "full"), help="check that the speech says the text")
    command.add_argument(
        "--draws", type=int, metavar="N", help="how often a chunk is spoken at most if it fails the check"
    )
    command.add_argument("--on-mismatch", choices=("accept", "fail"), help="what to do if no draw passes the check")
    command.add_argument("--profile", metavar="P", help="balanced, fast, ultra_quality, ...")
    command.add_argument("--engine", choices=("f5", "xtts"), help="the engine that speaks")
    command.add_argument("--checkpoint", metavar="C", help="the weights' name")
    _reading(command)
    _jobs(command)


def _jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="any other field of generate"
    )
    command.add_argument("--job-id", metavar="ID", help="the job's id; unset: made from the request")
    command.add_argument("--again", action="store_true", help="make another take of a request that was spoken before")
    command.add_argument(
        "--text", dest="is_text", action="store_true", help="the argument is the text, even if a file has that name"
    )
    command.add_argument(
        "--max-chars", type=_count, default=LONGEST_TEXT, metavar="N", help="longest text of one job (%(default)s)"
    )
    command.add_argument("--jobs", type=_count, default=4, metavar="N", help="jobs at the same time (%(default)s)")


def _reading(command: argparse.ArgumentParser) -> None:
    command.add_argument("--language", metavar="L", help="language of the text, such as en")
    command.add_argument("--normalize", choices=("auto", "off"), help="whether numbers and signs are read as words")
    command.add_argument("--dictionary", metavar="D", help="a stored dictionary of respellings")
    command.add_argument("--say", action="append", default=[], type=_pair, metavar="WORD=READING", help="a respelling")


def _job_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    for name, does in (("status", "show a job's state"), ("cancel", "ask a job to stop")):
        command = commands.add_parser(name, parents=[common], help=does)
        command.add_argument("job_id", metavar="ID")
    command = commands.add_parser("result", parents=[common], help="download a finished job's sound")
    command.add_argument("job_id", metavar="ID")
    command.add_argument("-o", "--output", metavar="FILE", help="unset: ID and the format's ending")


def _delete(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("delete", parents=[common], help="remove a voice, a finished job, or a dictionary")
    target = command.add_mutually_exclusive_group(required=True)
    target.add_argument("--voice", metavar="V")
    target.add_argument("--job", dest="job_id", metavar="ID")
    target.add_argument("--dictionary", metavar="D")


def _keep(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("dictionary", parents=[common], help="store a dictionary of respellings")
    command.add_argument("name", metavar="D", help="the dictionary's name")
    command.add_argument(
        "file", nargs="?", metavar="FILE|-", help="a JSON object of words and respellings; - for stdin"
    )
    command.add_argument("--say", action="append", default=[], type=_pair, metavar="WORD=READING", help="a respelling")
    command.add_argument("--replace", action="store_true", help="overwrite a dictionary of that name")
    commands.add_parser("dictionaries", parents=[common], help="list the dictionaries: name, number of words")
    command = commands.add_parser("expire", parents=[common], help="remove old jobs with their results")
    command.add_argument(
        "--older-than-days", type=float, required=True, metavar="N", help="jobs that were last written before that"
    )
    command.add_argument("--dry-run", action="store_true", help="count, and remove nothing")


def _read(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("read", parents=[common], help="print what will be read for a text")
    command.add_argument("text", metavar="TEXT|FILE|-", help="the text, a file that holds it, or - for stdin")
    command.add_argument(
        "--text", dest="is_text", action="store_true", help="the argument is the text, even if a file has that name"
    )
    command.add_argument("--voice", metavar="V", help="the voice whose language is used if none is given")
    _reading(command)


def _check(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("check", parents=[common], help="check whether a recording says its text")
    command.add_argument("file", metavar="FILE", help="the recording, or its http(s) URL")
    command.add_argument("--text", required=True, metavar="TEXT", help="the text that it should say")
    command.add_argument("--language", metavar="L", help="language of the text, such as en")
    command.add_argument("--check", choices=("fast", "full"), help="only score, or transcribe too (default: full)")


def _serve(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "serve", parents=[common], help="serve the OpenAI speech API and a page to try it, in front of the endpoint"
    )
    command.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (%(default)s)")
    command.add_argument("--port", type=_port, default=8080, metavar="N", help="port; 0: a free one (%(default)s)")
    command.add_argument(
        "--api-key", metavar="KEY", help="the key that callers must send as a bearer token; unset: API_KEY, or no key"
    )
    command.add_argument(
        "--voice-alias", action="append", default=[], type=_names, metavar="ALIAS=V", help="another name for a voice"
    )
    command.add_argument("--default-voice", metavar="V", help="the voice for OpenAI's names without an alias")
    command.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a host name under which requests may come"
    )


def _health(commands: Commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser("health", parents=[common], help="show whether the queue and the worker answer")
    command.add_argument("--queue", action="store_true", help="ask only the queue, which starts no worker")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("should be over 0")
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"should be 0 to {_LAST_PORT}")
    return number


def _names(text: str) -> tuple[str, str]:
    alias, equals, voice = text.partition("=")
    if not alias or not equals or not voice:
        raise argparse.ArgumentTypeError(f"{text!r} should look like ALIAS=VOICE")
    return alias, voice


def _pair(text: str) -> tuple[str, Any]:
    """Parse NAME=VALUE; a value that is JSON is read as JSON."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} should look like NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
