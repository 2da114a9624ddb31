"""The pictures of the report and of the app for the docs."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import screenshots
from tests.report import moving


def widths(pictures: dict[str, bytes]) -> dict[str, int]:
    return {name: Image.open(io.BytesIO(content)).width for name, content in pictures.items()}


@pytest.mark.slow
def test_a_report_is_taken_at_both_widths(browser, tmp_path):
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    pictures = dict(screenshots.of_report(browser, tmp_path / "report.html", 5))
    assert widths(pictures) == {"report-1280.png": 1280, "report-390.png": 390}
    with Image.open(io.BytesIO(pictures["report-390.png"])) as phone:
        assert phone.height == screenshots.WINDOWS[390][1]


@pytest.mark.slow
def test_an_app_is_taken_at_both_widths(browser, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="pip install 'imap-fast[app]' to test the app")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(screenshots, "APP", [sys.executable, "-m", "tests.app.serving", "app"])
    with screenshots.running_app() as address:
        pictures = dict(screenshots.of_app(browser, address, 12))
    assert widths(pictures) == {"app-1280.png": 1280, "app-390.png": 390}
    assert list(tmp_path.glob("imap-fast-app-*")) == []


def test_the_grid_of_the_demo_keeps_its_look(tmp_path):
    ramp, grey = np.broadcast_to(np.linspace(0, 255, 300), (40, 300)), np.full((40, 300), 90)
    picture = np.stack([ramp, grey, ramp[:, ::-1]], 2).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "grid.png")
    small = Image.open(io.BytesIO(screenshots.of_demo(tmp_path / "grid.png")))
    assert small.format == "JPEG"
    assert np.abs(np.asarray(small).astype(int) - picture).mean() < 3


def test_an_app_that_does_not_start_is_no_picture(monkeypatch):
    monkeypatch.setattr(screenshots, "APP", [sys.executable, "-c", ""])
    with pytest.raises(RuntimeError, match="the app did not start"), screenshots.running_app():
        pass


def test_a_picture_that_is_too_large_is_refused_and_none_is_written(tmp_path):
    pictures = {"a.png": b"small", "b.png": bytes(screenshots.LARGEST + 1)}
    with pytest.raises(ValueError, match=r"b\.png has 500,001 bytes, and a page of the docs takes 500,000; show less"):
        screenshots.write(pictures, tmp_path)
    assert list(tmp_path.iterdir()) == []
    screenshots.write({"a.png": b"small"}, tmp_path / "images")
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["a.png"]
