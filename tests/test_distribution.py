"""The distributions: what they hold, what PyPI would say of them, and that an installed wheel works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from imap_fast.version import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ("imap_fast", "kernels", "tests", "benchmarks", "docs", "examples")
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
DATA = {
    "imap_fast/py.typed",
    "imap_fast/__init__.pyi",
    "imap_fast/masks/__init__.pyi",
    "imap_fast/video/__init__.pyi",
    "imap_fast/evaluate/__init__.pyi",
    "imap_kernels/py.typed",
    "imap_fast/app/style.css",
}
DATA_FOLDERS = ("imap_fast/demo/model", "imap_fast/report/page")


def run(*command: object, cwd: Path) -> str:
    """Run a command that sees no package of this checkout, and return its stdout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that is built from it."""
    source = tmp_path_factory.mktemp("source") / "imap-fast"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=NOT_COPIED)
    for file in filter(Path.is_file, ROOT.iterdir()):
        shutil.copy(file, source)
    for left_over in ("outputs/demo/maps.npz", "imap_fast/demo/__pycache__/run.cpython-311.pyc"):
        (source / left_over).parent.mkdir(parents=True)
        (source / left_over).touch()
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", cwd=source)
    return source / "dist"


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


def sources() -> set[str]:
    """The files of both packages as a wheel names them."""
    files = [file.relative_to(ROOT) for file in (ROOT / "imap_fast").rglob("*.py")]
    files += [file.relative_to(ROOT / "kernels") for file in (ROOT / "kernels").rglob("*.py")]
    return {file.as_posix() for file in files}


def data() -> set[str]:
    """The files of both packages that are no source."""
    files = [file for folder in DATA_FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    return DATA | {file.relative_to(ROOT).as_posix() for file in files}


def test_a_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    metadata = {name for name in held if name.startswith(f"imap_fast-{__version__}.dist-info/")}
    assert held - metadata == sources() | data()
    assert f"imap_fast-{__version__}.dist-info/licenses/LICENSE" in metadata


def test_a_source_distribution_holds_what_builds_the_wheel_and_no_tests(distributions: Path) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    packages = {name if name.startswith("imap_fast/") else f"kernels/{name}" for name in sources() | data()}
    assert packages <= held
    others = {name for name in held - packages if ".egg-info/" not in name}
    assert others == {
        *("CHANGELOG.md", "CITATION.cff", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "kernels/README.md"),
        *("pyproject.toml", "setup.cfg", "setup.py"),
    }


def test_its_description_is_what_pypi_takes(distributions: Path, wheel: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *distributions.iterdir(), cwd=distributions)
    text = zipfile.ZipFile(wheel).read(f"imap_fast-{__version__}.dist-info/METADATA").decode()
    metadata = Parser().parsestr(text)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Project-URL"] == "Paper, https://arxiv.org/abs/2603.02919"


def test_an_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", "fresh", cwd=tmp_path)
    programs = tmp_path / "fresh" / "bin"
    (site,) = (tmp_path / "fresh").glob("lib/*/site-packages")
    # Its dependencies are those of the tests: a line of a .pth adds their folder, but reads no .pth in it, so what is
    # installed there as editable stays unseen.
    paths = dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("\n".join(paths))
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--no-index", "--no-deps"]
    run(*pip, "--ignore-installed", wheel, cwd=tmp_path)
    where = run(programs / "python", "-c", "import imap_kernels; print(imap_kernels.__file__)", cwd=tmp_path)
    assert where.startswith(str(site))
    record = json.loads(run(programs / "imap-fast", "demo", "--json", cwd=tmp_path))
    assert all(Path(tmp_path, file).is_file() for file in record["files"].values())
