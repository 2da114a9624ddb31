"""Masks on the page: those of `maps.masks`, as outline or filled, in place of the map."""

import base64
import json
import zlib

import numpy as np
import pytest
import torch
from scipy import ndimage

from imap_fast.masks.threshold import OTSU_TWICE
from imap_fast.report.planes import pack_mask
from imap_fast.upsampling.interpolate import upsample_space, upsample_time
from tests.render.synthetic import in_two_shots, make_maps
from tests.report import moving
from tests.report.driving import AWAIT_WORK, await_frame, picture
from tests.report.test_write import block

IN_MASK = 127.5


def blobs(labels=("cat", "dog")):
    """Maps of every frame with hot regions that move, and hot patches that are alone."""
    maps = make_maps(labels, grid=(17, 12, 20), temporal_compression=1)
    maps.imap.mul_(0.6)
    for frame in range(17):
        maps.imap[0, frame, 4:9, frame // 2 : frame // 2 + 6] += 4
    maps.imap[0, 3, 1, 17] = 5  # dropped: it is one patch
    maps.imap[1, 8:10, 3:5, 12:14] += 16  # hotter than what a heat map tells apart
    maps.imap[1, 5:, 2:6, 11:17] += 4
    return maps


def unpacked(packed: bytes, grid) -> np.ndarray:
    return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(grid)


@pytest.mark.parametrize("threshold", [OTSU_TWICE, "otsu", "95%", 0.5])
@pytest.mark.parametrize("maps", [blobs(), in_two_shots()], ids=["one shot", "two shots"])
def test_what_the_page_interpolates_is_the_mask(maps, threshold):
    clip = np.zeros((maps._read.get("num_frames", 17), 96, 160, 3), np.uint8)
    if maps._read:
        clip = clip[:, : maps._read["height"], : maps._read["width"]]
    masks = maps.masks(clip, threshold=threshold)
    assert any(masks[label].any() for label in masks.labels)
    times = maps.frame_times(len(clip))
    for label in maps.labels:
        levels = unpacked(pack_mask(maps[label], maps.time.latents_of_shots(maps.grid[0]), threshold), maps.grid)
        levels = upsample_time(torch.tensor(levels).float(), times, len(clip), maps.time.cuts)
        found = (upsample_space(levels, *clip.shape[1:3]) >= IN_MASK).numpy()
        expected = masks[label]
        assert (found != expected).mean() < 0.005, "up to 8 bits"


def test_a_patch_is_in_the_mask_exactly_if_it_is_above_the_threshold():
    values = torch.linspace(0, 1, 1000).reshape(1, 10, 100)
    levels = unpacked(pack_mask(values, [1], 0.5), (1, 10, 100))
    low, high = np.percentile(values, (5, 99.5))
    np.testing.assert_array_equal(levels >= 128, values.numpy() >= low + 0.5 * (high - low))


def test_levels_far_from_an_edge_take_no_room():
    values = torch.rand(20, 30, 45, generator=torch.Generator().manual_seed(0))
    values[:, 10:20, 10:20] += 9
    assert len(pack_mask(values, [20], 0.5)) < 0.3 * values.numel()


def test_a_constant_map_has_no_mask():
    assert (unpacked(pack_mask(torch.ones(2, 3, 4), [2], OTSU_TWICE), (2, 3, 4)) == 0).all()


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    path = tmp_path_factory.mktemp("masks") / "report.html"
    blobs().report(path, moving.make_clip())
    return path


def test_the_page_says_which_threshold_it_is(masked):
    page = masked.read_text("utf-8")
    content = json.loads(block(page, "content"))
    assert content["threshold"] == "otsu-twice"
    assert content["maps"][0]["masks"] == ["masks-0-0", "masks-0-1"]
    assert zlib.decompress(base64.b64decode(block(page, "masks-1-1")))
    assert "above the threshold otsu-twice of each" in page
    assert "imap-fast segment RUN --format davis" in page


def orange(page) -> np.ndarray:
    """Where the picture has the colour of the first concept."""
    seen = picture(page)
    return seen[..., 0] - seen[..., 2] > 60


@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["Smooth", "Patches"])
def test_fill_is_the_mask_and_outline_is_its_edge(open_page, masked, upsampling):
    page = open_page(masked)
    page.get_by_role("checkbox", name="dog").uncheck()
    page.get_by_label(upsampling).check()
    page.get_by_role("radio", name="Fill").check()
    page.locator("#stage").focus()
    for frame in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        await_frame(page, frame)
    page.evaluate(AWAIT_WORK)
    maps = blobs()
    if upsampling == "Smooth":
        expected = maps.masks(np.zeros((17, 384, 640, 3), np.uint8), ["cat"])["cat"][3]
    else:
        levels = unpacked(pack_mask(maps["cat"], [17], OTSU_TWICE), maps.grid)[3]
        expected = (levels >= 128).repeat(32, 0).repeat(32, 1)
    filled = orange(page)
    assert filled.shape == expected.shape
    assert expected.sum() > 10_000
    assert (filled != expected).mean() < 0.01
    assert not filled[32:64, 544:576].any(), "a hot patch that is alone is in no mask"
    assert "Shown are masks: what is above the threshold otsu-twice" in page.locator("#meaning").inner_text()
    assert page.locator("#threshold").is_disabled()

    page.get_by_role("radio", name="Outline").check()
    outline = orange(page)
    assert 0 < outline.sum() < 0.4 * filled.sum()
    assert not (outline & ~ndimage.binary_dilation(filled, iterations=3)).any(), "up to what the browser smooths"
    assert not (outline & ndimage.binary_erosion(filled, iterations=36)).any()
    page.get_by_role("radio", name="Map", exact=True).check()
    assert page.locator("#threshold").is_enabled()
    assert "Shown is imap" in page.locator("#meaning").inner_text()
