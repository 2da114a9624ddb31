"""Help, wrong options and missing files answer without torch, diffusers or matplotlib, which take seconds to load."""

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("torch", "diffusers", "transformers", "matplotlib", "triton", "gradio")

SCRIPT = f"""
import sys
from imap_fast.cli import main

code = main(sys.argv[1:])
print(code, [name for name in {SLOW} if name in sys.modules], file=sys.stderr)
"""

COMMANDS = (
    "demo",
    "generate",
    "explain",
    "layers",
    "report",
    "events",
    "compare",
    "judge",
    "app",
    "eval",
    "models",
    "doctor",
)


def run(*arguments: str) -> str:
    """The last line on stderr: the exit code, and the slow packages that were imported."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True)
    return done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_light(command: str) -> None:
    assert run(*command.split(), "--help") == "0 []"


TEXT = ("--prompt", "a cat", "--concepts", "cat, dog")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["demo", "--nonsense"],
        ["demo", "--backend", "nonsense"],
        ["generate", "--model", "demo", "--prompt", "a cat"],
        ["generate", "--model", "demo", "--prompt", "a cat", "--concepts", "cat,,dog"],
        ["generate", "--model", "demo", *TEXT, "--layers", "3-1"],
        ["generate", "--model", "demo", *TEXT, "--maps", "nonsense"],
        ["generate", "--model", "./missing", *TEXT],
        ["explain", "missing.mp4", "--model", "demo", *TEXT],
        ["explain", "missing.mp4", "--model", "./missing", *TEXT],
        ["explain", ".", "--model", "demo", *TEXT],
        ["explain", "missing.mp4", "--model", "demo", *TEXT, "--windows-per-batch", "0"],
        ["explain", "missing.mp4", "--model", "demo", "--prompt", "a cat", "--concepts-file", "missing.txt"],
        ["layers", "missing.mp4", "--model", "demo", "--prompt", "a cat"],
        ["layers", "--model", "./missing"],
        ["report", "missing"],
        ["events", "missing"],
        ["compare", "missing", "missing"],
        ["compare", ".", ".", "--threshold", "2"],
        ["judge", "missing", "--endpoint", "http://localhost", "--judge-model", "name"],
        ["eval", "missing", "--model", "demo"],
        ["eval", "missing.json", "--model", "demo"],
        ["eval", "demo", "--model", "./missing"],
        ["app", "--model", "./missing"],
        ["doctor", "--size", "480x720"],
        ["doctor", "--model", "demo", "--size", "big"],
        ["doctor", "--model", "./missing"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_light(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == "2 []"


def test_the_package_is_light() -> None:
    script = f"import sys, imap_fast.video, imap_fast.evaluate.datasets; print({set(SLOW)} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_public_name_is_there() -> None:
    import imap_fast

    assert set(imap_fast.__all__) <= set(dir(imap_fast))
    assert callable(imap_fast.trace)
    assert callable(imap_fast.explain)
    assert imap_fast.SaliencyMaps.__name__ == "SaliencyMaps"
    assert imap_fast.video.Clip.__name__ == "Clip"
    assert callable(imap_fast.evaluate.demo_world)
