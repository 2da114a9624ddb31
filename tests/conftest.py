"""Fixtures that every test may use.

The process that hands tests out to workers reads this file, too: what takes seconds to import is imported where it is
used.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from diffusers import CogVideoXPipeline

    from tests.architectures import Architecture

gc.disable()  # until all is imported: it would be looked through again and again
# No example is too slow, however busy the machine is.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

NAMES = ("cogvideox", "hunyuan_video", "wan")
"""One architecture of each kind: text rows in front of the visual ones, behind them, and in a cross-attention."""

EVERY_NAME = (
    *NAMES,
    "wan_vace",
    "wan_animate",
    "skyreels_v2",
    "chronoedit",
    "consisid",
    "ltx",
    "hunyuan_video_15",
    "mochi",
    "easyanimate",
    "ltx2",
    "kandinsky5",
    "cosmos",
    "hunyuan_video_framepack",
)
PATIENCE = 10 * 60 * 1000  # milliseconds that a page may take for anything: a machine can be slow
OFFLINE = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files without a slow test come last: so no worker waits long for the other ones."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Leaves what was imported to itself."""
    gc.enable()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Takes it back: at the end, extensions complain of what is not freed."""
    gc.unfreeze()


@pytest.fixture(params=NAMES)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """One architecture of each kind in turn, for what does not depend on the adapter."""
    from tests.architectures import ARCHITECTURES

    return ARCHITECTURES[request.param]


@pytest.fixture(params=EVERY_NAME)
def any_architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each architecture in turn, for what an adapter can get wrong."""
    from tests.architectures import ARCHITECTURES

    assert tuple(ARCHITECTURES) == EVERY_NAME
    return ARCHITECTURES[request.param]


@pytest.fixture
def pipeline() -> CogVideoXPipeline:
    from tests.tiny import tiny_pipeline

    return tiny_pipeline()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline as `save_pretrained` leaves it."""
    from tests.tiny import tiny_pipeline

    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def fresh_compiler() -> None:
    """Forgets what was compiled before: all of diffusers' models share one wrapper, and its recompilations are few."""
    import torch

    torch.compiler.reset()


@pytest.fixture
def unwrapped_operations() -> Iterator[None]:
    """Operations of the kernels show their insides to a `TorchDispatchMode`."""
    from benchmarks import flops

    with flops.unwrapped_operations():
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium, Debian's or playwright's own."""
    driver = pytest.importorskip("playwright.sync_api", reason="pip install playwright to test pages in a browser")
    from benchmarks.screenshots import BROWSERS

    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with driver.sync_playwright() as playwright:
        try:
            # Without its sandbox, which root cannot have; the pages are our own.
            browser = playwright.chromium.launch(
                executable_path=installed, args=[*OFFLINE, "--no-sandbox"], timeout=PATIENCE
            )
        except driver.Error as error:
            pytest.skip(f"no Chromium to test pages in; install one ({error.message.splitlines()[0]})")
        driver.expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser):
    """Opens empty pages, and in the end finds that none of them complained: no error in the console, no dialog."""
    contexts, complaints = [], []

    def open_it(*, viewport, scheme):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
