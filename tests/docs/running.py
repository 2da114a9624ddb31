"""Checks and runs the code of a page, and tells everything that is wrong with it."""

from __future__ import annotations

import ast
import io
import traceback
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import matplotlib.pyplot as plt

from tests.docs import shell
from tests.docs.markdown import Block, Page
from tests.docs.options import unknown_in_command, unknown_in_inline


def unknown_names(page: Page) -> Iterator[str]:
    """Yield the subcommands and options that a page names and that do not exist, in marked blocks and text, too."""
    for block in page.blocks:
        yield from (f"{block.line}: {fault}" for fault in unknown_in_command(block.code))
    for line, code in page.inline:
        yield from (f"{line}: {fault}" for fault in unknown_in_inline(code))


def failures(page: Page, name: str) -> Iterator[str]:
    """Run the blocks of a page in the current folder, and yield what fails, as `line: text`.

    After a failure the next block runs nevertheless.

    Args:
        page: its blocks of Python share one namespace.
        name: of the page, for tracebacks.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in page.blocks:
        if block.runs:
            runner = _python(block, name, namespace) if block.language == "python" else _bash(block)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield from runner
            plt.close("all")


def _python(block: Block, name: str, namespace: dict[str, Any]) -> Iterator[str]:
    try:
        tree = ast.increment_lineno(ast.parse(block.code, name), block.line)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            exec(compile(tree, name, "exec"), namespace)
    except (Exception, SystemExit) as error:
        yield f"{_line_of(error, block, name)}: {type(error).__name__}: {error}"


def _line_of(error: BaseException, block: Block, name: str) -> int:
    """The line of the page at which an error was raised."""
    if isinstance(error, SyntaxError) and error.filename == name:
        return block.line + (error.lineno or 0)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return lines[-1] or block.line if lines else block.line


def _bash(block: Block) -> Iterator[str]:
    said = io.StringIO()
    try:
        for number, words in shell.commands(block.code):
            line = block.line + 1 + number
            try:
                with redirect_stdout(io.StringIO()), redirect_stderr(said):
                    shell.run(words)
            except AssertionError as error:
                complaints = said.getvalue().strip().splitlines()[-1:]
                yield f"{line}: " + "; ".join([str(error), *complaints])
            except shell.NotRun as error:
                yield f"{line}: {error}"
    except shell.NotRun as error:
        yield f"{block.line}: {error}"
