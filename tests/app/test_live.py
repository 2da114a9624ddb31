"""The page shows the maps while a video is generated."""

import base64
import re
from html import escape
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="pip install 'imap-fast[app]' to test the app")

from imap_fast.app import job
from imap_fast.app.live import MOST_CONCEPTS, live_html
from imap_fast.app.page import form_handler
from imap_fast.app.results import Results
from tests.render.synthetic import NASTY_LABELS, make_maps
from tests.report import moving


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    return [np.asarray(Image.open(BytesIO(base64.b64decode(content)))) for content in found]


def test_each_concept_has_its_frames():
    page = live_html(2, 50, make_maps(grid=(3, 5, 7)))
    assert "Step 2 of 0–49" in page
    assert [name for name in ("alpaca", "running", "grass") if f"<figcaption>{name}<" in page] == [
        "alpaca",
        "running",
        "grass",
    ]
    assert [picture.shape for picture in pictures(page)] == [(5, 3 * 7 + 2, 3)] * 3


def test_labels_are_text():
    page = live_html(0, 1, make_maps(NASTY_LABELS))
    for label in NASTY_LABELS:
        assert f"<figcaption>{escape(label)}</figcaption>" in page
    assert "<b>" not in page


def test_very_many_concepts_are_not_all_shown():
    page = live_html(0, 1, make_maps([f"token {i}" for i in range(226)]))
    assert len(pictures(page)) == MOST_CONCEPTS


def handler(tmp_path, monkeypatch, generate):
    pipe = SimpleNamespace(transformer=SimpleNamespace(dtype=torch.float32))
    models = SimpleNamespace(
        load=lambda name: SimpleNamespace(name=name, pipe=pipe, trace_arguments={}), without_folders=str
    )
    monkeypatch.setattr(job, "_generate", generate)
    handle = form_handler(models, Results(tmp_path / "results"))
    return lambda: list(handle("demo", None, "a square", "below, late", "", lambda *_, **__: None))


def test_the_report_follows_the_maps(tmp_path, monkeypatch):
    maps, clip = moving.make_maps(), moving.make_clip()

    def generate(model, prompt, words, on_progress, on_maps):
        for step in range(3):
            on_maps(step, 3, maps)
        return maps, clip.frames / 255, 8.0

    *steps, page = handler(tmp_path, monkeypatch, generate)()
    assert [re.search("Step . of 0–2", step).group()[5] for step in steps] == ["0", "1", "2"]
    assert "report.html" in page
    assert "Step" not in page


def test_an_error_ends_the_maps(tmp_path, monkeypatch):
    def generate(model, prompt, words, on_progress, on_maps):
        on_maps(0, 3, moving.make_maps())
        raise ValueError("block 3 held NaN")

    first, last = handler(tmp_path, monkeypatch, generate)()
    assert "Step 0 of 0–2" in first
    assert 'role="alert">block 3 held NaN' in last
    assert not list((tmp_path / "results").iterdir())
