"""The app in a browser, end to end, with the demo model."""

import re
from pathlib import Path

import pytest
import torch

from imap_fast import SaliencyMaps, explain
from imap_fast.app.models import Models
from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.video import Clip
from tests.report.contrast import MEASURE_TEXT
from tests.report.driving import PHONE
from tests.report.test_page import INJECT

expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright to test pages in a browser").expect

pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror=alert(1)>${7*7}{{value}}"


@pytest.fixture(scope="module")
def scene():
    return world.sample(3, "held_out")


@pytest.fixture(scope="module")
def clip(scene, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    Clip(scene.frames, scene.fps).save(path)
    return path


def ask(page, video: Path | None, prompt: str, concepts: str) -> None:
    if video is not None:
        page.locator("input[type=file]").set_input_files(video)
        page.get_by_label("Remove").or_(page.get_by_label("Clear")).first.wait_for()
    page.get_by_label("What the video shows").fill(prompt)
    page.get_by_label("Concepts to look for").fill(concepts)
    page.get_by_role("button", name="Show where and when").click()


def await_report(page):
    """Wait for the first frame of the report, and return its frame locator."""
    report = page.frame_locator("#result iframe")
    expect(report.locator("#clock")).to_have_text(re.compile("^0 /"))
    return report


def download(page, name: str, folder: Path) -> Path:
    with page.expect_download() as file:
        page.get_by_role("link", name=name).click()
    assert file.value.suggested_filename == name
    file.value.save_as(folder / name)
    return folder / name


def test_a_clip_goes_in_and_its_report_comes_out(app, open_app, clip, scene, tmp_path):
    page = open_app(app)
    ask(page, clip, scene.caption, "red circle, <b>a</b>, ../x")
    report = await_report(page)
    assert report.locator("#concepts .name").all_inner_texts() == ["red circle", "<b>a</b>", "../x"]
    assert report.locator("#stage canvas").count() == 1
    assert "clip.mp4" in report.locator("#settings dd").all_inner_texts()
    assert str(app.folder) not in report.locator("body").inner_text()

    maps = SaliencyMaps.load(download(page, "maps.npz", tmp_path))
    model = Models(["demo"]).load("demo")
    steps = model.explained_steps
    expected = explain(model.pipe, clip, scene.caption, list(maps.labels), steps=steps, **model.trace_arguments)
    assert maps.layers == expected.layers == tuple(best_settings()["layers"])
    torch.testing.assert_close(maps.maps, expected.maps)
    assert set(maps.maps) == {"imap", "gramcol", "cross_attention", "concept_attention"}


def test_the_report_keeps_its_policy_and_stays_out_of_the_app(app, open_app, clip, scene, tmp_path):
    page = open_app(app)
    ask(page, clip, scene.caption, "circle, square")
    await_report(page)
    assert page.frames[-1].evaluate("origin") == "null"
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open on its own").click()
    alone = opened.value
    assert alone.evaluate("origin") == "null"
    assert alone.evaluate(INJECT) == "script-src-elem"
    assert alone.evaluate("window.ran") is None
    assert download(page, "report.html", tmp_path).read_text("utf-8").startswith("<!doctype html>")


def test_a_prompt_alone_is_made_into_a_video_while_the_next_job_waits_in_line(app, open_app, clip):
    page, other = open_app(app, viewport=PHONE), open_app(app)
    page.get_by_role("button", name="a clip that the model generates").click()
    expect(page.get_by_label("What the video shows")).to_have_value(re.compile("^a red circle"))
    expect(page.get_by_label("Concepts to look for")).to_have_value(re.compile("^red circle"))
    with app.held_up():
        page.get_by_role("button", name="Show where and when").click()
        page.get_by_text(re.compile("Generating - [1-9]")).wait_for()
        ask(other, clip, "a blue square", "circle, blue square")
        other.get_by_text(re.compile("queue: 1/1")).wait_for()
    report = await_report(page)
    assert report.locator("#title").inner_text() == "a red circle slides right while a blue square rests"
    assert report.locator("#clock").inner_text() == f"0 / {NUM_FRAMES - 1}"
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert await_report(other).locator("#title").inner_text() == "a blue square"


def test_another_model_can_be_picked(app, open_app, clip):
    page = open_app(app)
    page.get_by_label("Model").click()
    assert page.get_by_role("option").all_inner_texts() == ["✓\ndemo", MODEL.name]
    page.get_by_role("option", name=MODEL.name).click()
    ask(page, clip, "a circle", "circle, square")
    settings = await_report(page).locator("#settings dd").all_inner_texts()
    assert MODEL.name in settings
    assert str(MODEL) not in settings


def test_the_page_names_no_folder_of_the_machine(app, open_app):
    page = open_app(app)
    config = page.request.get(f"{app.address}config").text()
    assert f'"{MODEL.name}"' in config
    assert str(MODEL) not in config


def test_what_a_control_does_is_said_when_asked(app, open_app):
    page = open_app(app)
    assert not page.locator("#help dt").first.is_visible()
    page.get_by_role("link", name="What the controls do").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#help dd").first).to_be_in_viewport()
    assert len(page.context.pages) == 1
    words = ["What the video shows", "Concepts to look for", "Motions to look for"]
    labels = ["Video", "Model", *words, "Show where and when"]
    assert page.locator("#help dt").all_inner_texts() == labels


def test_a_model_that_fails_is_named_without_its_folder(tmp_path):
    models = Models(["demo", str(tmp_path / "x"), str(tmp_path / "y" / "x"), "demo"])
    (tmp_path / "y" / "x").mkdir(parents=True)
    assert models.names == ("demo", "x", "x (2)")
    assert models.without_folders(f"--model {tmp_path}/x: no such folder") == "--model x: no such folder"
    assert models.without_folders(f"{tmp_path}/y/x/vae is damaged") == "x (2)/vae is damaged"


def test_what_a_library_says_of_a_model_names_no_folder(tmp_path, monkeypatch):
    (tmp_path / "secret" / "model").mkdir(parents=True)
    (tmp_path / "secret" / "model" / "model_index.json").write_text('{"_class_name": "CogVideoXPipeline", "vae": 1}')
    monkeypatch.chdir(tmp_path)
    for source in ("secret/model", "./secret/model", str(tmp_path / "secret" / "model")):
        models = Models([source])
        with pytest.raises((ValueError, TypeError)) as error:
            models.load("model")
        assert "secret" not in models.without_folders(str(error.value))
        assert models.without_folders(str(error.value)).startswith("--model model: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_passes_wcag_aa(app, open_app, scheme):
    page = open_app(app, scheme=scheme)
    ask(page, None, " ", "")
    page.get_by_role("alert").wait_for()
    page.locator("summary").click()
    texts = page.evaluate(MEASURE_TEXT)
    assert len(texts) > 10
    assert [text for text in texts if text["ratio"] < 4.5] == []


def test_what_the_library_warns_of_is_shown(app, open_app, clip, scene):
    page = open_app(app)
    ask(page, clip, scene.caption, "circle")
    await_report(page)
    assert "'background' was added" in page.locator("#result .notice").inner_text()


@pytest.mark.parametrize(
    ("content", "says"), [(b"no video\n" * 40, "is not a video that can be read"), (b"", "is empty")]
)
def test_a_file_that_is_no_video_is_said_to_be_none(content, says, app, open_app, tmp_path):
    (tmp_path / "wrong.mp4").write_bytes(content)
    page = open_app(app)
    ask(page, tmp_path / "wrong.mp4", "a circle", "circle, square")
    assert page.get_by_role("alert").inner_text().startswith(f"wrong.mp4 {says}")
    assert page.locator("iframe").count() == 0


@pytest.mark.parametrize(
    ("prompt", "concepts", "says"),
    [
        (" ", "circle, square", "say what the video shows"),
        ("a circle", "", "concept 0 is empty"),
        ("a circle", "circle, circle", "'circle' is named 2 times"),
        ("a circle", f"circle, {HOSTILE}", f"concept {HOSTILE!r} has "),
    ],
)
def test_wrong_input_is_answered_in_the_librarys_words(prompt, concepts, says, app, open_app):
    page = open_app(app)
    ask(page, None, prompt, concepts)
    assert says in page.get_by_role("alert").inner_text()
    assert page.locator("img[src=x], iframe").count() == 0


def test_a_video_that_is_too_large_is_refused_by_page_and_server(app, open_app, tmp_path):
    large = bytes(3 * 2**20)
    (tmp_path / "large.mp4").write_bytes(large)
    page = open_app(app)
    page.locator("input[type=file]").set_input_files(tmp_path / "large.mp4")
    page.get_by_text("exceed the maximum allowed size of 1").wait_for()
    sent = {"files": {"name": "large.mp4", "mimeType": "video/mp4", "buffer": large}}
    assert page.request.post(f"{app.address}gradio_api/upload", multipart=sent).status == 413
