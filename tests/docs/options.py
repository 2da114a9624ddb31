"""The subcommands and options that exist, and those that code of a page names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import typer

from imap_fast.cli import commands

ROOT = Path(__file__).parents[2]
LITERAL = re.compile(r"""["'](--[a-z][a-z0-9-]*)["']""")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
COMMAND = re.compile(r"\bimap-fast[ \t]+(?P<name>[a-z][\w-]*)(?P<rest>[^\n|;&]*)")
SOURCES = ("benchmarks", "imap_fast", "examples")
"""The folders of this repository whose modules have options."""


def options_in(source: Path) -> set[str]:
    """The options that a module, or any file of a folder, names in its source."""
    files = [source] if source.is_file() else source.rglob("*.py")
    return {option for file in files for option in LITERAL.findall(file.read_text("utf-8"))} | {"--help"}


@cache
def options_of() -> dict[str, frozenset[str]]:
    """The options of each subcommand of `imap-fast`."""
    group = typer.main.get_command(commands)
    return {
        name: frozenset(option for each in command.params for option in each.opts) | {"--help"}
        for name, command in group.commands.items()
    }


@cache
def all_options() -> frozenset[str]:
    """The options of all subcommands, and of all modules of the repository."""
    return frozenset().union(*options_of().values(), *(options_in(ROOT / folder) for folder in SOURCES))


def unknown_in_command(code: str) -> Iterator[str]:
    """Yield what the commands `imap-fast …` in a text name that does not exist."""
    for command in COMMAND.finditer(code.replace("\\\n", " ")):
        name = command["name"]
        if name not in options_of():
            yield f"imap-fast has no subcommand {name}; it has {', '.join(options_of())}"
            continue
        for option in OPTION.findall(command["rest"]):
            if option not in options_of()[name]:
                yield f"imap-fast {name} has no option {option}"


def unknown_in_inline(code: str) -> Iterator[str]:
    """Yield what inline code names that does not exist: as above, and options alone."""
    if COMMAND.search(code):
        yield from unknown_in_command(code)
    elif code.startswith("--") and (option := OPTION.match(code)) and option[0] not in all_options():
        yield f"nothing here has an option {option[0]}"
