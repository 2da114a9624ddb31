"""What the test of the pages finds in small pages of its own."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from tests.docs import shell
from tests.docs.markdown import read_page
from tests.docs.running import failures, unknown_names
from tests.docs.shell import NotRun


def page(*lines: str) -> str:
    return "\n".join(lines)


def run(text: str) -> list[str]:
    return list(failures(read_page(text), "page.md"))


FAULTS = {
    "a mark with a reason": (["<!-- not run: no network -->", "```bash", "```"], []),
    "a mark of two lines": (["<!-- not run: no", "network -->", "```bash", "```"], []),
    "a mark without a reason": (["<!-- not run -->", "```bash", "```"], ["1: this mark gives no reason"]),
    "a mark too far above": (["<!-- not run: why -->", "", "```bash", "```"], ["1: this mark is not directly above"]),
    "a mark of text": (["<!-- not run: why -->", "```text", "```"], ["2: only python and bash blocks run"]),
    "another name": (["```sh", "```"], ["1: a sh block does not run; call it bash"]),
    "a fence in a note": (["!!! note", "", "    ```python", "    ```"], ["3: this fence is not read as a block"]),
    "a fence in HTML": (["<div>", "```bash", "```", "</div>"], ["2: this fence is not read as a block"]),
    "a fence in a fence": (["````markdown", "```bash", "```", "````"], []),
}


@pytest.mark.parametrize(("lines", "expected"), FAULTS.values(), ids=FAULTS)
def test_marks_and_fences_are_where_they_count(lines: list[str], expected: list[str]) -> None:
    found = read_page(page(*lines)).faults
    assert len(found) == len(expected)
    assert all(fault.startswith(start) for fault, start in zip(found, expected, strict=True))


def test_every_fence_of_a_list_or_quote_is_a_block() -> None:
    text = page("- a", "", "  ```python", "  x = 1", "  ```", "", "> ```bash", "> make test", "> ```")
    assert [(block.line, block.language, block.code) for block in read_page(text).blocks] == [
        (3, "python", "x = 1\n"),
        (7, "bash", "make test\n"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`imap-fast demo --json`, `--noises 8`, `--minutes 8`, `imap-fast`", []),
        ("a\n\n`imap-fast paint`", ["3: imap-fast has no subcommand paint"]),
        ("| a |\n| --- |\n| `imap-fast demo --colour red` |", ["3: imap-fast demo has no option --colour"]),
        ("`--colour red`", ["1: nothing here has an option --colour"]),
        (page("```text", "imap-fast eval demo --clip 3", "```"), ["1: imap-fast eval has no option --clip"]),
        (
            page("<!-- not run: why -->", "```bash", "imap-fast explain a \\", "  --modle b", "```"),
            ["2: imap-fast exp"],
        ),
    ],
)
def test_subcommands_and_options_exist_everywhere(text: str, expected: list[str]) -> None:
    found = list(unknown_names(read_page(text)))
    assert len(found) == len(expected)
    assert all(fault.startswith(start) for fault, start in zip(found, expected, strict=True))


def test_python_shares_a_namespace_and_names_the_line() -> None:
    text = page("```python", "x = 1", "```", "", "```python", "assert x == 1", "", "assert x == 2", "```")
    assert run(text) == ["8: AssertionError: "]


def test_a_marked_block_is_not_run_and_the_next_one_is_run_after_a_failure() -> None:
    marked = ["<!-- not run: why -->", "```python", "x = 1", "```", ""]
    (first, second) = run(page(*marked, "```python", "x", "```", "", "```python", "raise SystemExit(3)", "```"))
    assert first == "7: NameError: name 'x' is not defined"
    assert second == "11: SystemExit: 3"


def test_what_is_no_python_is_named_by_its_line() -> None:
    (fault,) = run(page("text", "", "```python", "x = 1", "y = […]", "```"))
    assert fault.startswith("5: SyntaxError")


def test_a_warning_is_no_failure() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(page("```python", "import warnings", "warnings.warn('so it is')", "```")) == []


def test_bash_runs_imap_fast_and_names_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (fault,) = run(page("```bash", "# a comment of `this`", "imap-fast --help", "imap-fast report \\", "  none", "```"))
    assert fault.startswith("4: imap-fast report none ended with 2; imap-fast: none: no such file or folder")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("imap-fast demo  # so", [["imap-fast", "demo"]]),
        ("A=1 imap-fast demo && make test; wait", [["A=1", "imap-fast", "demo"], ["make", "test"], ["wait"]]),
        ("imap-fast x --concepts 'a b, $c' --k \"d\" &", [["imap-fast", "x", "--concepts", "a b, $c", "--k", "d"]]),
    ],
)
def test_commands_are_words(line: str, expected: list[list[str]]) -> None:
    assert [words for _, words in shell.commands(line)] == expected


@pytest.mark.parametrize("line", ["a | b", "a > b", "a $HOME", "a `b`", "a 'b", "a <name>", "(a)", 'a "$b"'])
def test_what_needs_more_of_a_shell_is_refused(line: str) -> None:
    with pytest.raises(NotRun):
        list(shell.commands(line))


RIGHT = [
    "make test",
    "make PYTHON=python3.12 lint",
    "python -m benchmarks.gpu --minutes 8 --out DIR",
    "python -m imap_fast.demo.train --model x",
    "pip install .",
    "pip install -e '.[test,lint]'",
    "wait",
]
WRONG = [
    "make paint",
    "python -m benchmarks.paint",
    "python -m benchmarks.gpu --hours 8",
    "python paint.py",
    "pip install '.[paint]'",
]
UNKNOWN = [
    "cd x",
    "git clone x",
    "pip install torch",
    "pip download x",
    "python x",
    "python -m pytest",
    "imap-fast app",
]


@pytest.mark.parametrize("line", RIGHT)
def test_other_commands_are_checked(line: str) -> None:
    for _, words in shell.commands(line):
        shell.run(words)


@pytest.mark.parametrize("line", WRONG)
def test_what_does_not_exist_is_said(line: str) -> None:
    ((_, words),) = shell.commands(line)
    with pytest.raises(AssertionError, match="no "):
        shell.run(words)


@pytest.mark.parametrize("line", UNKNOWN)
def test_what_is_not_run_must_be_marked(line: str) -> None:
    ((_, words),) = shell.commands(line)
    with pytest.raises(NotRun, match="mark the block"):
        shell.run(words)


def test_a_pattern_is_expanded_and_a_variable_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(shell, "main", lambda arguments: seen.append((arguments, os.environ["ONE"])) or 0)
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a.mp4"):
        Path(name).touch()
    shell.run(["ONE=1", "imap-fast", "explain", "*.mp4", "*.mov"])
    assert seen == [(["explain", "a.mp4", "b.mp4", "*.mov"], "1")]
    assert "ONE" not in os.environ
