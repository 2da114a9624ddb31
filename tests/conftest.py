"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXPipeline
from hypothesis import HealthCheck, settings

from benchmarks import flops
from tests.architectures import ARCHITECTURES, Architecture
from tests.tiny import tiny_pipeline

# No example is too slow, however busy the machine is.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 10 * 60 * 1000  # milliseconds that a page may take for anything: a machine can be slow
OFFLINE = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each architecture in turn."""
    return ARCHITECTURES[request.param]


@pytest.fixture
def pipeline() -> CogVideoXPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def fresh_compiler() -> None:
    """Forgets what was compiled before: all of diffusers' models share one wrapper, and its recompilations are few."""
    torch.compiler.reset()


@pytest.fixture
def operations_in_view() -> Iterator[None]:
    """Operations of the kernels show their insides to a `TorchDispatchMode`."""
    with flops.operations_in_view():
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium, Debian's or playwright's own."""
    driver = pytest.importorskip("playwright.sync_api", reason="pip install playwright to test pages in a browser")
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
