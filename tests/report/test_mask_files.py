"""The masks that a report offers for download are those of `maps.masks`."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from imap_fast.report import mask_files
from tests.render.synthetic import make_maps
from tests.report import moving
from tests.report.test_write import block

NAMES = ["masks-davis.zip", "masks-coco.zip"]


def files_of(page: str) -> dict[str, bytes]:
    names = [each["name"] for each in json.loads(block(page, "content"))["masks"]]
    return {name: base64.b64decode(block(page, f"file-{name}")) for name in names}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    moving.make_maps().report(path, moving.make_clip())
    return files_of(path.read_text("utf-8"))


def test_files_of_two_formats_are_offered(files):
    assert list(files) == NAMES


def test_palettes_are_the_exclusive_masks(files):
    expected = moving.make_maps().masks(moving.make_clip(), exclusive=True)
    with zipfile.ZipFile(io.BytesIO(files["masks-davis.zip"])) as archive:
        pictures = [each for each in archive.namelist() if each.endswith(".png")]
        assert not any(each.endswith(".jpg") for each in archive.namelist())
        numbers = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(each)))) for each in sorted(pictures)])
    for number, label in enumerate(expected.labels, 1):
        assert ((numbers == number) == expected[label]).all()


def test_run_lengths_are_the_masks(files):
    expected = moving.make_maps().masks(moving.make_clip())
    with zipfile.ZipFile(io.BytesIO(files["masks-coco.zip"])) as archive:
        assert archive.namelist() == ["annotations.json"]
        found = json.loads(archive.read("annotations.json"))
    labels = {each["id"]: each["name"] for each in found["categories"]}
    frames = {each["id"]: number for number, each in enumerate(found["images"])}
    assert len(frames) == moving.FRAMES
    for each in found["annotations"]:
        mask = coco.decode(each["segmentation"]).astype(bool)
        assert (mask == expected[labels[each["category_id"]]][frames[each["image_id"]]]).all()


def test_the_same_report_has_the_same_masks(files, tmp_path):
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    assert files_of((tmp_path / "report.html").read_text("utf-8")) == files


def test_a_long_video_and_a_background_have_none(tmp_path, monkeypatch):
    make_maps(["background"], grid=(2, 3, 4)).report(tmp_path / "a.html")
    monkeypatch.setattr(mask_files, "MOST_FRAMES", 4)
    make_maps(grid=(2, 3, 4)).report(tmp_path / "b.html")
    for name in ("a", "b"):
        assert files_of((tmp_path / f"{name}.html").read_text("utf-8")) == {}


def test_masks_of_a_generated_video_are_at_its_size(tmp_path):
    moving.make_clip().save(tmp_path / "video.mp4")
    moving.make_maps().report(tmp_path / "report.html", tmp_path / "video.mp4")
    davis = files_of((tmp_path / "report.html").read_text("utf-8"))["masks-davis.zip"]
    with zipfile.ZipFile(io.BytesIO(davis)) as archive:
        picture = Image.open(io.BytesIO(archive.read("Annotations/Full-Resolution/video/00000.png")))
    assert picture.size == (moving.WIDTH, moving.HEIGHT)


def test_a_file_that_would_make_the_page_slow_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_files, "MOST_BYTES", 1500)
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    sizes = {name: len(file) for name, file in files_of((tmp_path / "report.html").read_text("utf-8")).items()}
    assert all(size <= 1500 for size in sizes.values())
    assert list(sizes) != NAMES


def test_without_pycocotools_there_are_no_run_lengths(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_files, "find_spec", lambda name: None)
    moving.make_maps().report(tmp_path / "report.html", moving.make_clip())
    assert "masks-coco.zip" not in files_of((tmp_path / "report.html").read_text("utf-8"))
