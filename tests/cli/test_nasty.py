"""Values that no option can mean, for every option of every command: one line, no traceback, and nothing is written."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.models import OptionInfo

from imap_fast.cli import app, demo, doctor, eval, events, explain, generate, judge, layers, main, report
from imap_fast.cli.option_groups import with_option_groups
from imap_fast.cli.streams import LONGEST

COMMANDS = (demo, generate, explain, layers, report, events, judge, app, eval, doctor)

NASTY = {
    int: ["1" + "0" * 30, "9" * 6000, "-1" + "0" * 30, "1.5", "x", "nan", ""],
    float: ["nan", "inf", "-inf", "1e999", "x", ""],
    str: ["", " \t\n", "a\0b", "\udcff"],
    Path: ["", "a\0b", "a" * 5000, "{fifo}", "/dev/null", "/dev/zero"],
}
"""By the type of an option."""

NEEDED = {
    "model": "demo",
    "prompt": "a cat",
    "concepts": "cat,dog",
    "endpoint": "http://localhost:9",
    "judge_model": "a",
    "videos": "{file}",
    "run": "{folder}",
    "runs": "{folder}",
    "data": "demo",
}
"""What a command is given besides the value in question."""


def cases():
    """Each command with each of its parameters, and each value that it shall refuse."""
    for command in COMMANDS:
        parameters = inspect.signature(with_option_groups(command)).parameters
        needed = {name: value for name, value in NEEDED.items() if name in parameters}
        if command is layers:
            needed.pop("videos"), needed.pop("prompt")
        for name, parameter in parameters.items():
            kind, option = get_args(parameter.annotation)
            kinds = {kind, *get_args(kind), *(inner for outer in get_args(kind) for inner in get_args(outer))}
            (found,) = kinds & NASTY.keys() or {None}
            for value in NASTY.get(found, ()):
                words = [command.__name__, "--json"] if "as_json" in parameters else [command.__name__]
                for other, given in (needed | {name: value}).items():
                    info = get_args(parameters[other].annotation)[1]
                    if isinstance(info, OptionInfo):
                        words.append(info.param_decls[0] if info.param_decls else f"--{other.replace('_', '-')}")
                    words.append(given)
                shown = option.param_decls[0] if option.param_decls else name.replace("_", "-")
                yield pytest.param(words, shown, id=f"{command.__name__} {shown} {value[:12]!a}")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A file, an empty folder, and a pipe that nobody writes to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no video")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    return {name: str(tmp_path / name) for name in ("file", "folder", "fifo")}


def fill_in(words, place):
    for name, path in place.items():
        words = [word.replace(f"{{{name}}}", path) for word in words]
    return words


def one_line(capsys, arguments):
    """The line of an error, which is also that of the JSON."""
    said, complained = capsys.readouterr()
    (line,) = complained.splitlines()
    assert line.startswith("imap-fast: ")
    assert len(line) <= len("imap-fast: ") + LONGEST
    if "--json" in arguments:
        assert json.loads(said)["error"] == line.removeprefix("imap-fast: ")
    return line


@pytest.mark.parametrize(("words", "option"), list(cases()))
def test_a_value_that_no_option_can_mean_is_one_line_that_names_it(words, option, place, capsys):
    assert main(fill_in(words, place)) == 2
    assert option.removeprefix("--") in one_line(capsys, words)
    assert sorted(os.listdir()) == ["fifo", "file", "folder"]


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "{file}", "--steps", "0-99999999999"],
        ["explain", "{file}", "--layers", "9" * 6000],
        ["explain", "{file}", "--windows-per-batch", "9" * 6000],
        ["explain", "{file}", "--concepts", "a,b" * 10**6],
        ["explain", "{file}", "--output", "{file}"],
        ["explain", "{file}", "--concepts-file", "{folder}"],
        ["explain", "{fifo}"],
        ["explain", "a" * 256],
        ["explain", "a\nb\x1b[31m.mp4"],
        ["generate", "--output", "{file}/below"],
        ["report", "{file}"],
        ["report", "{folder}"],
        ["report", "{folder}", "--video", "{folder}"],
        ["events", "{file}"],
        ["events", "{folder}"],
        ["judge", "{folder}", "--endpoint", "http://[", "--judge-model", "a"],
        ["eval", "{fifo}"],
        ["eval", "{file}"],
        ["eval", "{folder}", "--captions", "{fifo}"],
        ["doctor", "--model", "demo", "--size", "99999999999x99999999999"],
        ["doctor", "--model", "~nobody-of-this-name/x"],
        ["x" * 3 * 10**6],
        ["\udcff"],
    ],
    ids=lambda words: " ".join(words)[:50].encode("unicode_escape").decode(),
)
def test_other_wrong_use_is_one_line(words, place, capsys):
    text = {"--model": "demo", "--prompt": "a cat", "--concepts": "cat,dog"}
    text = {"explain": text, "generate": text, "eval": {"--model": "demo"}}.get(words[0], {})
    if "--concepts-file" in words:
        text = text | {"--concepts": None}
    added = [word for name, value in text.items() if name not in words and value for word in (name, value)]
    assert main([*fill_in(words, place), *added]) == 2
    one_line(capsys, words)
    assert sorted(os.listdir()) == ["fifo", "file", "folder"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError("Unable to allocate 3.5 TiB"), 1),
        (RecursionError("maximum recursion depth exceeded"), 1),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"), 1),
        (BrokenPipeError(32, "Broken pipe"), 1),
        (OSError(28, "No space left on device"), 1),
        (IsADirectoryError(21, "Is a directory", "x"), 1),
        (PermissionError(13, "Permission denied", "x"), 2),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2),
        (ValueError("a" * 10**6), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_machine_or_a_file_causes_is_one_line(error, code, place, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(sys.modules["imap_fast.cli.report"], "verified_record", fail)
    (Path("folder") / "maps.npz").touch()
    assert main(["report", "folder", "--json"]) == code
    one_line(capsys, ["--json"])


MAIN = [sys.executable, "-c", "import sys; from imap_fast.cli import main; sys.exit(main())"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "says"),
    [
        ("> /dev/full", "No space left on device"),
        (">&-", "stdout is closed"),
    ],
)
@pytest.mark.parametrize("asked", ["doctor", "--help"])
def test_an_output_that_cannot_be_written_is_one_line(asked, redirected, says, tmp_path):
    script = f'"$@" {asked} {redirected}'
    done = subprocess.run(["bash", "-c", script, "bash", *MAIN], capture_output=True, text=True, cwd=tmp_path)
    assert_failed_in_one_line(done, says)


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["doctor", "--help"])
def test_an_output_that_nobody_reads_is_one_line(asked, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)  # before anything is written, so that it does not matter who is faster
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run([*MAIN, asked], stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert_failed_in_one_line(done, "the reader of stdout ended")


def assert_failed_in_one_line(done: subprocess.CompletedProcess, says: str) -> None:
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("imap-fast: ")
    assert says in line


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "code"), [(["doctor"], 0), (["report", "ü\udcff"], 2)])
def test_a_terminal_without_utf_8_gets_escapes(asked, code, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([*MAIN, *asked], capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.count(b"\n") == (code > 0)
