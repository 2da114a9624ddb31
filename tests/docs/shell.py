"""The commands of a bash block, and how each kind of them is checked.

`imap-fast` runs, in this process. Of `make`, `python` and `pip` it is checked that what they name exists: a target of
the Makefile, a module or script with its options, an extra of the package. A block with any other command, or with
pipes, redirections, variables or loops, is not run, and must say why not.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from unittest.mock import patch

from imap_fast.cli import main
from tests.docs.options import ROOT, options_in

SEPARATORS = {"&&", ";", "&"}
"""Commands on one line. They run one after the other, also those of the background."""

ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=")
QUOTED = re.compile(r"'[^']*'")
COMMENT = re.compile(r"(^|\s)#.*")
EXTRAS = re.compile(r"\[([\w,-]+)\]")
MAKE_TARGET = re.compile(r"^([\w-]+):(?!=)", re.MULTILINE)


class NotRun(ValueError):
    """A command that cannot be run or checked here. Its block must be marked."""


def commands(code: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the commands of a block as words, each with its line in the block, from 0.

    Raises:
        NotRun: pipes, redirections, variables, loops, or quotes that do not end.
    """
    lines = iter(enumerate(code.splitlines()))
    for number, line in lines:
        whole = line
        while whole.endswith("\\"):
            whole = whole[:-1] + next(lines, (0, ""))[1]
        if re.search(r"[`$]", COMMENT.sub("", QUOTED.sub("", whole))):
            raise NotRun(f"variables and substitutions are not run: {line.strip()}")
        lexer = shlex.shlex(whole, posix=True, punctuation_chars=True)
        lexer.wordchars += "*?[]{}:@%+,…!^"
        try:
            words = list(lexer)
        except ValueError as error:
            raise NotRun(f"no shell command ({error}): {line.strip()}") from error
        command: list[str] = []
        for word in [*words, ";"]:
            if word in SEPARATORS:
                if command:
                    yield number, command
                command = []
            elif set(word) <= set("();<>|&"):
                raise NotRun(f"{word} is not run: {line.strip()}")
            else:
                command.append(word)


def run(words: list[str]) -> None:
    """Run or check a command in the current folder.

    Raises:
        NotRun: neither is possible.
        AssertionError: it failed, or names something that does not exist.
    """
    count = len(list(takewhile(ASSIGNMENT.match, words)))
    program, *arguments = words[count:] or [words[0]]
    if program == "imap-fast":
        with patch.dict(os.environ, dict(word.split("=", 1) for word in words[:count])):
            return _imap_fast([path for word in arguments for path in _expanded(word)])
    checks = {"make": _make, "python": _python, "python3": _python, "pip": _pip, "wait": _wait}
    if program not in checks:
        raise NotRun(f"{program} is not run here; mark the block, and say why it is not run")
    return checks[program](arguments)


def _imap_fast(arguments: list[str]) -> None:
    if arguments[:1] == ["app"] and not {"-h", "--help"} & set(arguments):
        raise NotRun("imap-fast app would wait for a browser; mark the block")
    code = main(arguments)
    assert code == 0, f"imap-fast {' '.join(arguments)} ended with {code}"


def _expanded(word: str) -> list[str]:
    """The files that a pattern names, or the word itself, as in a shell."""
    return sorted(glob.glob(word)) or [word]


def _make(arguments: list[str]) -> None:
    targets = MAKE_TARGET.findall((ROOT / "Makefile").read_text())
    for name in arguments:
        assert name in targets or "=" in name, f"the Makefile has no target {name}; it has {', '.join(targets)}"


def _python(arguments: list[str]) -> None:
    """`python -m MODULE` and `python SCRIPT` of the repository, with options that its source names."""
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        name, rest = arguments[1], arguments[2:]
        source = ROOT.joinpath(*name.split("."))
        if not (ROOT / source.relative_to(ROOT).parts[0]).is_dir():
            raise NotRun(f"{name} is no module of this repository; mark the block")
        source = source if source.is_dir() else source.with_suffix(".py")
    else:
        name, *rest = arguments or [""]
        source = ROOT / name
        if source.suffix != ".py":
            raise NotRun("only python -m MODULE and python SCRIPT.py are checked; mark the block")
    assert source.exists(), f"there is no {name}"
    known = options_in(source)
    for word in rest:
        name = word.split("=")[0]
        assert not name.startswith("--") or name in known, f"{source.name} has no option {name}"


def _pip(arguments: list[str]) -> None:
    """`pip install` of this package, with extras that it has."""
    names = [word for word in arguments[1:] if not word.startswith("-")]
    if arguments[:1] != ["install"] or not names or not all(re.match(r"\.(\[|$)", name) for name in names):
        raise NotRun("only pip install of this package is checked; mark the block")
    project = (ROOT / "pyproject.toml").read_text()
    _, _, extras = project.partition("[project.optional-dependencies]")
    for name in names:
        for extra in ",".join(EXTRAS.findall(name)).split(","):
            assert not extra or re.search(rf"^{extra} = \[", extras, re.MULTILINE), f"there is no extra {extra}"


def _wait(arguments: list[str]) -> None:
    """Nothing is left in the background."""
