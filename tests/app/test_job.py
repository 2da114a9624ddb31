"""Jobs of the app whose report cannot be written: the maps are handed out, and the page says what is missing."""

from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("gradio", reason="pip install 'imap-fast[app]' to test the app")

from imap_fast import SaliencyMaps
from imap_fast.app import job
from imap_fast.app.page import form_handler
from imap_fast.app.results import Results
from tests.report import moving

pytestmark = pytest.mark.filterwarnings("always::UserWarning:imap_fast")  # the page shows them


@pytest.fixture
def asked():
    """What `explain` was last asked for."""
    return {}


@pytest.fixture
def handle(tmp_path, monkeypatch, asked):
    """The handler of the form, with maps that are there at once."""
    maps = moving.make_maps()
    pipe = SimpleNamespace(transformer=SimpleNamespace(dtype=torch.float32))
    models = SimpleNamespace(
        load=lambda name: SimpleNamespace(name=name, pipe=pipe, trace_arguments={}, explained_steps=None),
        without_folders=str,
    )
    monkeypatch.setattr(job, "explain", lambda *_, **given: asked.update(given) or maps)
    monkeypatch.setattr(job, "_generate", lambda *_: (maps, moving.make_clip().frames + 0.0, 8.0))
    handler = form_handler(models, Results(tmp_path / "results"))

    def last(video, concepts="below, late", motions=""):
        *_, page = handler("demo", video, "a square", concepts, motions, lambda *_, **__: None)
        return page

    return last


def only_maps(page, tmp_path):
    """Whether a page has a link to maps that can be read, and no other one."""
    (folder,) = (tmp_path / "results").iterdir()
    assert [file.name for file in folder.iterdir()] == ["maps.npz"]
    assert SaliencyMaps.load(folder / "maps.npz").labels == moving.LABELS
    return "maps.npz" in page and not any(part in page for part in ("iframe", "report.html</a>", "on its own"))


def test_a_report_that_cannot_be_written_costs_no_maps(handle, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("<a> fault")

    moving.make_clip().save(tmp_path / "clip.mp4")
    monkeypatch.setattr(SaliencyMaps, "report", fail)
    page = handle(str(tmp_path / "clip.mp4"))
    says = "report.html was not written (RuntimeError: &lt;a&gt; fault); the maps are in maps.npz"
    assert f'<p class="notice">{says}</p>' in page
    assert only_maps(page, tmp_path)


def test_a_generated_video_that_cannot_be_shown_costs_no_maps(handle, tmp_path):
    page = handle(None)
    assert "report.html was not written (ValueError: float frames must be in [0, 1]" in page
    assert only_maps(page, tmp_path)


@pytest.mark.parametrize(
    ("concepts", "motions", "words"),
    [
        ("below, late", " ", {"concepts": ("below", "late"), "motions": ()}),
        ("below", "late, falls", {"concepts": ("below",), "motions": ("late", "falls")}),
        ("", "late", {"concepts": None, "motions": ("late",)}),
    ],
)
def test_one_of_the_fields_of_words_may_be_empty(handle, asked, tmp_path, concepts, motions, words):
    moving.make_clip().save(tmp_path / "clip.mp4")
    assert "maps.npz" in handle(str(tmp_path / "clip.mp4"), concepts, motions)
    assert {name: asked[name] for name in words} == words


@pytest.mark.parametrize(
    ("concepts", "motions", "says"),
    [
        ("", "", "concept 0 is empty; remove it"),
        ("below", "late,", "motion 1 is empty; remove it"),
        ("below, late", "late", "&#x27;late&#x27; is among concepts and among motions; name it once"),
    ],
)
def test_words_that_are_wrong_are_named(handle, concepts, motions, says):
    assert says in handle(None, concepts, motions)
