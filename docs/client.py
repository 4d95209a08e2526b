"""The generated parts of docs/client.md: commands, exit codes and codes, from the client's own words."""

import argparse
import sys
from collections.abc import Iterator

from docs.tables import ROOT, table

_FOR_ALL = "voices"  # the command without options of its own


def commands_list() -> str:
    """Every command with its options; those of all commands come last."""
    commands = _commands()
    everywhere = commands[_FOR_ALL][1]
    common = {action.dest for action in everywhere._actions}  # noqa: SLF001 - argparse tells it nowhere else
    told = [(f"`{name}`: {does}", _options(command, leave=common)) for name, (does, command) in commands.items()]
    told.append(("all of them", _options(everywhere, leave={"help"})))
    return "".join(f"- {head}\n" + "".join(f"  - {option}\n" for option in options) for head, options in told)


def exit_codes_table() -> str:
    """What a script can rely on."""
    _import_the_client()
    from f5_worker_client.cli.options import EXIT_CODES

    return table(("exit code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])


def own_codes_table() -> str:
    """The client's own codes."""
    _import_the_client()
    from f5_worker_client.errors import OWN_CODES

    return table(("code", "meaning"), [(f"`{code}`", meaning) for code, meaning in OWN_CODES.items()])


def _commands() -> dict[str, tuple[str, argparse.ArgumentParser]]:
    _import_the_client()
    from f5_worker_client.cli.options import parser

    found = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    return {
        choice.dest: (str(choice.help), found.choices[choice.dest])
        for choice in found._choices_actions  # noqa: SLF001
    }


def _options(command: argparse.ArgumentParser, *, leave: set[str]) -> Iterator[str]:
    for action in command._actions:  # noqa: SLF001
        if action.dest not in leave:
            names = " ".join([*action.option_strings[:1], *_values(action)])
            told = (action.help or "") % {"default": action.default}
            needed = " (required)" if action.option_strings and action.required else ""
            yield f"`{names}`" + (f": {told}" if told else "") + needed


def _values(action: argparse.Action) -> list[str]:
    if action.choices:
        return ["{" + ",".join(map(str, action.choices)) + "}"]
    return [str(action.metavar)] if action.metavar else []


def _import_the_client() -> None:
    """client/ is a distribution of its own, and not on the path of the repository's modules."""
    path = str(ROOT / "client")
    if path not in sys.path:
        sys.path.append(path)
