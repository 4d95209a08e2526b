"""
Checkpoints on the command line: `python -m model_cache COMMAND`.

    inspect FILE        report what the file is and what loading it takes; reads only its header
    repair FILE OUT     write a file that f5_tts loads; FILE stays unchanged
    list                list every checkpoint that can be named, and the copies on this disk
    pull NAME           fetch a checkpoint to MODEL_CACHE_DIR and make it loadable
    push NAME           make sure that the bucket has the loadable copy
    verify              digest every copy on this disk; ask the bucket for each file that it should have
    evict               remove unused copies, the least recently used first

Results go to stdout, as JSON with --json; progress bars go to stderr if it is a terminal. The bucket and the folder are those of
the worker's settings. Exit codes: 0 ready or done, 3 repairable (inspect), 4 refused or damaged, 2 wrong usage, 1 try again.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cloning.errors import CheckpointUnusable, InvalidRequest, ServiceError
from cloning.ports import ObjectStore, Progress
from cloning.requests.problems import of_settings
from cloning.settings import Settings
from model_cache.catalog import CARD
from model_cache.copies import record as records
from model_cache.copies.eviction import GB, copies_in, evict
from model_cache.copies.published import Published
from model_cache.layouts.inspection import Inspection, inspect
from model_cache.layouts.repair import repair
from model_cache.layouts.vocabulary import vocabulary_size
from model_cache.library import Library
from model_cache.progress import Watch, unwatched

if TYPE_CHECKING:
    from model_cache.cache import CheckpointCache

DONE, AGAIN, USAGE, REPAIRABLE, REFUSED = 0, 1, 2, 3, 4
VERDICTS = {"ready": DONE, "repairable": REPAIRABLE, "refused": REFUSED}
Report = dict[str, Any]


def inspect_command(arguments: argparse.Namespace) -> tuple[int, Report]:
    """Report what a file is. Uses neither the bucket nor the cache."""
    found = _inspected(arguments)
    return VERDICTS[found.verdict], json.loads(found.to_json())


def repair_command(arguments: argparse.Namespace) -> tuple[int, Report]:
    """Write a loadable file from any known layout; an existing file is never overwritten."""
    source, out = arguments.file, arguments.out
    found = _inspected(arguments)
    if out.exists():
        raise InvalidRequest(f"{out} exists already: remove it, or choose another name")
    if found.verdict == "refused":
        return REFUSED, json.loads(found.to_json())
    out.parent.mkdir(parents=True, exist_ok=True)
    with _watch()(f"repair {source.name}", source.stat().st_size) as progress:
        try:
            done = repair(
                source,
                out,
                inspection=found,
                dtype=arguments.dtype,
                digest=arguments.digest,
                progress=progress,
            )
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
    ready = done.how == "nothing"
    return DONE, {"out": None if ready else str(out), **asdict(done), "use": str(source if ready else out)}


def list_command(_: argparse.Namespace) -> tuple[int, Report]:
    """List the catalogue, the bucket's own checkpoints, and the copies on this disk."""
    settings, store = _settings_and_store()
    listed = [asdict(each) for each in Library(store).listing()]
    copies = [
        {"name": copy.name, "copy": copy.folder.name, "bytes": copy.size}
        for copy in copies_in(settings.model_cache_dir)
    ]
    return DONE, {"checkpoints": listed, "copies": copies}


def pull_command(arguments: argparse.Namespace) -> tuple[int, Report]:
    """Fetch a checkpoint to this disk and make it loadable."""
    library, cache = _library_and_cache()
    found = cache.local(library.find(arguments.name))
    facts = {"came_from": found.came_from, "repaired": found.repaired, "sha256": found.sha256}
    return DONE, {"name": found.checkpoint.name, "path": str(found.model_path), **facts}


def push_command(arguments: argparse.Namespace) -> tuple[int, Report]:
    """Make sure that the bucket has a checkpoint's loadable copy."""
    library, cache = _library_and_cache()
    found, sent = cache.push(library.find(arguments.name))
    return DONE, {"name": found.checkpoint.name, "sha256": found.sha256, "sent": sent}


def verify_command(_: argparse.Namespace) -> tuple[int, Report]:
    """Check every byte of the copies on this disk, and every size in the bucket."""
    settings, store = _settings_and_store()
    checked = [*_local_copies(settings.model_cache_dir), *_published_copies(store)]
    return REFUSED if any(each["damaged"] for each in checked) else DONE, {"copies": checked}


def evict_command(arguments: argparse.Namespace) -> tuple[int, Report]:
    """Free disk space: down to --max-gb (default MODEL_CACHE_MAX_GB); with a name, only that checkpoint's copies."""
    settings = Settings()
    limit = arguments.max_gb if arguments.max_gb is not None else settings.model_cache_max_gb
    if limit is None and not arguments.name:
        raise InvalidRequest("say how much may stay: --max-gb N, or a checkpoint's NAME, or set MODEL_CACHE_MAX_GB")
    if not 0 <= (limit or 0) < math.inf:
        raise InvalidRequest(f"--max-gb is {limit:g}: send a number of GB (10^9 bytes), 0 or more")
    if arguments.name and arguments.name not in {copy.name for copy in copies_in(settings.model_cache_dir)}:
        _library().find(arguments.name)  # an unknown name is a mistake
    bound = 0 if arguments.name and arguments.max_gb is None else int((limit or 0) * GB)
    gone = evict(settings.model_cache_dir, bound, name=arguments.name)
    stay = copies_in(settings.model_cache_dir)
    return DONE, {
        "evicted": [{"name": copy.name, "copy": copy.folder.name, "bytes": copy.size} for copy in gone],
        "freed": sum(copy.size for copy in gone),
        "left": sum(copy.size for copy in stay),
    }


def _local_copies(root: Path) -> Iterator[Report]:
    for copy in copies_in(root):
        record = records.parse((copy.folder / CARD).read_bytes())
        damaged: list[str] = ["checkpoint.json"]
        if record:
            damaged = []
            for name, facts in record.files.items():
                with _watch()(f"verify {copy.name}/{name}", facts.size) as progress:
                    if not records.is_same(copy.folder / name, facts, trust_time=False):
                        damaged.append(name)
                    progress(facts.size)
        yield {"where": "local", "name": copy.name, "copy": copy.folder.name, "damaged": damaged}


def _published_copies(store: ObjectStore) -> Iterator[Report]:
    published = Published(store, unwatched)
    for name in published.names():
        for folder, record in published.found(name):
            damaged = published.missing(record) if record else [CARD]
            yield {"where": "bucket", "name": name, "copy": folder, "damaged": damaged}


def _inspected(arguments: argparse.Namespace) -> Inspection:
    for path in (arguments.file, arguments.vocab):
        if path and not path.is_file():
            raise InvalidRequest(f"{path} is not a file")
    entries = vocabulary_size(arguments.vocab) if arguments.vocab else None
    try:
        return inspect(arguments.file, config=arguments.config, vocabulary=entries)
    except CheckpointUnusable as error:  # an argument is wrong, not the file
        raise InvalidRequest(error.message) from error


def _settings_and_store() -> tuple[Settings, ObjectStore]:
    from worker.assembly import make_store

    settings = Settings()
    return settings, make_store(settings)


def _library() -> Library:
    return Library(_settings_and_store()[1])


def _library_and_cache() -> "tuple[Library, CheckpointCache]":
    from worker.models import make_cache

    settings, store = _settings_and_store()
    return Library(store), make_cache(settings, store, _watch())


def _watch() -> Watch:
    return _bar if sys.stderr.isatty() else unwatched


@contextmanager
def _bar(what: str, size: int) -> Iterator[Progress]:
    from tqdm import tqdm

    with tqdm(total=size, desc=what, unit="B", unit_scale=True, unit_divisor=1000, leave=False) as bar:

        def advance(count: int) -> None:
            bar.update(count)

        yield advance


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_cache", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], tuple[int, Report]]) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=(run.__doc__ or "").strip())
        one.add_argument("--json", action="store_true", help="print the result as JSON")
        one.set_defaults(run=run)
        return one

    for name, run in (("inspect", inspect_command), ("repair", repair_command)):
        one = command(name, run)
        one.add_argument("file", type=Path, metavar="FILE")
        one.add_argument("--config", help="f5_tts's configuration, e.g. F5TTS_Base (v0) or F5TTS_v1_Base")
        one.add_argument("--vocab", type=Path, help="the checkpoint's own vocab.txt")
        if name == "repair":
            one.add_argument("out", type=Path, metavar="OUT")
            one.add_argument("--dtype", choices=("keep", "fp16"), default="keep")
            one.add_argument(
                "--digest", action="store_true", help="report the new file's sha256 (takes longer than the copy)"
            )
    command("list", list_command)
    for name, run in (("pull", pull_command), ("push", push_command)):
        command(name, run).add_argument("name", metavar="NAME", help="a checkpoint's name, or a folder's path")
    command("verify", verify_command)
    one = command("evict", evict_command)
    one.add_argument("name", nargs="?", metavar="NAME", help="only this checkpoint's copies")
    one.add_argument("--max-gb", type=float, help="how much may stay, in GB (10^9 bytes)")
    return parser


def _lines(report: Report, indent: str = "") -> Iterator[str]:
    """Format a report for a person: one fact per line."""
    for name, value in report.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{name}:"
            for item in value:
                yield f"{indent}  " + "  ".join(
                    f"{key}={_short(one)}" for key, one in item.items() if one not in ("", [])
                )
        else:
            yield f"{indent}{name}: {_short(value)}"


def _short(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    return ", ".join(map(str, value[:5])) + (f" and {len(value) - 5} more" if len(value) > 5 else "")  # noqa: PLR2004 - a line's worth


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(words)
    try:
        code, report = arguments.run(arguments)
    except ServiceError as error:
        code, report = _code_of(error), {"error": error.code, "reason": error.message}
    except ValidationError as error:
        code, report = USAGE, {"error": "SETTINGS", "reason": of_settings(error)}
    except OSError as error:
        code, report = AGAIN, {"error": "DISK", "reason": f"{error.filename}: {error.strerror}"}
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(_lines(report)), file=sys.stderr if "error" in report else sys.stdout)
    return int(code)


def _code_of(error: ServiceError) -> int:
    if isinstance(error, InvalidRequest):
        return USAGE
    return REFUSED if isinstance(error, CheckpointUnusable) else AGAIN


if __name__ == "__main__":
    sys.exit(main())
