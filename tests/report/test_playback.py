"""The picture of the page: map and video of the same frame, in the right colours, while scrubbing and playing."""

from functools import partial
from itertools import count

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import colormaps

from imap_fast.demo import world
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.blank import GREY
from imap_fast.render.heatmap import heat
from imap_fast.report.file_time import file_time
from imap_fast.upsampling.interpolate import upsample_time
from imap_fast.video import Clip
from tests.render.synthetic import in_two_shots, make_maps
from tests.report import moving
from tests.report.driving import PHONE, await_frame, picture, scrub, show_heat
from tests.report.shots import in_shots

pytestmark = pytest.mark.slow

# The frame numbers of `moving` that the white square in the upper half and the hot spot in the lower half show.
SEEN = f"""() => {{
  const canvas = document.querySelector("#stage canvas"), scale = canvas.width / {moving.WIDTH};
  const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [{moving.TOP}, {moving.TOP + moving.DOWN}].map((row) => {{
    const y = Math.round((row + {moving.SIDE} / 2) * scale);
    const line = Array.from({{ length: canvas.width }}, (_, x) => data[4 * (y * canvas.width + x)]);
    return line.findIndex((red) => red > 110) / scale / {moving.PATCH};
  }});
}}"""

WATCH = f"""async () => {{
  const seen = [];
  while (seen.length < 40 || (seen.length < 9999 && new Set(seen.map(([frame]) => Math.round(frame))).size <= 5)) {{
    await new Promise((next) => setTimeout(next, 50));
    seen.push(({SEEN})());
  }}
  return seen;
}}"""


def test_scrubbing_keeps_map_and_video_on_the_same_frame(open_page, report):
    page = open_page(report)
    show_heat(page, "below", opacity=60)
    for frame in (0, 16, 5, 11, 6):
        scrub(page, frame)
        assert page.evaluate(SEEN) == pytest.approx([frame, frame], abs=0.2)


def test_playing_keeps_map_and_video_on_the_same_frame(open_page, report):
    page = open_page(report)
    show_heat(page, "below", opacity=60)
    page.get_by_role("button", name="Play").click()
    seen = np.array(page.evaluate(WATCH))
    assert len(np.unique(seen[:, 0].round())) > 5
    np.testing.assert_allclose(seen[:, 0], seen[:, 1], atol=0.2)
    page.get_by_role("button", name="Pause").click()


def test_fast_scrubbing_ends_at_the_last_frame_requested(open_page, report):
    page = open_page(report)
    show_heat(page, "below", opacity=60)
    page.evaluate(
        """() => {
          const scrubber = document.querySelector("#scrubber");
          for (const frame of [3, 14, 1, 9, 16, 2, 12]) {
            scrubber.value = frame;
            scrubber.dispatchEvent(new Event("input"));
          }
        }"""
    )
    await_frame(page, 12)
    assert page.evaluate(SEEN) == pytest.approx([12, 12], abs=0.2)


def test_dragging_along_the_timeline_moves_the_video(open_page, report):
    page = open_page(report)
    show_heat(page, "below", opacity=60)
    box = page.locator(".chart").bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30, steps=4)
    page.mouse.up()
    await_frame(page, 8)
    assert page.evaluate(SEEN) == pytest.approx([8, 8], abs=0.2)
    assert page.locator("#timeline").evaluate("node => node.style.getPropertyValue('--at')") == "0.5"


def test_heat_is_that_of_the_frame_in_the_colours_of_the_figures(open_page, tmp_path):
    maps = make_maps(("cat", "dog"), grid=(3, 4, 6))
    maps.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    show_heat(page, "dog", opacity=100)
    scrub(page, 5)
    shown = picture(page)
    height, width = shown.shape[:2]
    centres = shown[height // 8 :: height // 4, width // 12 :: width // 6]
    level = upsample_time(heat(maps.imap[1:]), maps.frame_times(9), 9)[0, 5].numpy()[..., None]
    expected = level * colormaps["inferno"](level[..., 0])[..., :3] * 255 + (1 - level) * GREY * 0.8
    np.testing.assert_allclose(centres, expected, atol=6)


def test_concepts_have_their_colours_and_can_be_switched_off(open_page, report):
    page = open_page(report)
    page.locator("#opacity").fill("100")
    scrub(page, 4)
    spot = (moving.TOP + moving.DOWN + 12) * 4, (moving.square_left(4) + 12) * 4
    red, green, blue = picture(page)[spot]
    assert red > 240
    assert 140 < green < 180
    assert blue < 60  # the first colour, #ff9c0e
    assert page.locator("#timeline li .name").all_inner_texts() == ["below", "late"]
    page.get_by_role("checkbox", name="below", exact=True).uncheck()
    assert picture(page)[spot].max() < 20
    assert page.locator("#timeline li .name").all_inner_texts() == ["late"]


def test_a_threshold_hides_colder_patches(open_page, report):
    page = open_page(report)
    show_heat(page, "background", opacity=100)
    beside = picture(page)[-8]
    page.locator("#threshold").fill("50")
    cut = picture(page)[-8]
    half = cut.shape[0] // 2
    assert beside[half - 80].sum() > 60
    assert cut[: half - 40].max() < 20
    np.testing.assert_array_equal(cut[half + 40 :], beside[half + 40 :])


def test_frames_of_a_video_of_2000_frames_are_exact(open_page, tmp_path):
    frames = np.zeros((2001, 32, 64, 3), np.uint8)
    for frame, shown in enumerate(frames):
        shown[:, : frame % 64] = 255
    make_maps(("cat", "dog"), grid=(501, 2, 4)).report(tmp_path / "report.html", frames)
    page = open_page(tmp_path / "report.html", viewport=PHONE)
    page.locator("#opacity").fill("0")
    for frame in (2000, 1237, 40, 1999):
        scrub(page, frame)
        assert (picture(page)[160, :, 0] > 128).sum() / 10 == pytest.approx(frame % 64, abs=0.6)


def test_a_demo_clip_shows_an_object_where_its_exact_mask_is(open_page, tmp_path):
    # All frames of this scene differ, and none of its colours is as red as heat.
    scene = next(
        scene
        for scene in map(partial(world.sample, split="train"), count())
        if (scene.objects[0].motion[:6], scene.objects[0].span) == ("slides", "throughout")
        and {thing.colour for thing in scene.objects} <= {"green", "blue", "purple"}
    )
    masks = torch.stack([torch.from_numpy(thing.mask.copy()) for thing in scene.objects]).float()
    scores = torch.ones(1, 1)
    maps = SaliencyMaps(
        maps={"imap": F.avg_pool2d(masks, 2)},
        labels=tuple(thing.label for thing in scene.objects),
        layers=(0,),
        steps=(0,),
        head_scores=scores,
        selected_heads=scores.long() - 1,
        settings={"temporal_compression": 1},
    )
    maps.report(tmp_path / "report.html", Clip(scene.frames, scene.fps))
    page = open_page(tmp_path / "report.html")
    show_heat(page, scene.objects[0].label, opacity=100)
    page.locator("#threshold").fill("50")
    # The centre of each pixel of the clip.
    sides = zip(picture(page).shape[:2], scene.frames.shape[1:3], strict=True)
    at = np.ix_(*[((np.arange(pixels) + 0.5) * shown / pixels).astype(int) for shown, pixels in sides])
    for frame in (0, 5, 11, 16, 24):
        scrub(page, frame)
        page.locator("#opacity").fill("0")
        video = picture(page)[at]
        assert np.abs(scene.frames - video).mean((1, 2, 3)).argmin() == frame
        page.locator("#opacity").fill("100")
        hot = picture(page)[at][..., 0] > 130  # redder than any faded pixel of the video
        overlap = (scene.objects[0].mask & hot).sum((1, 2)) / (scene.objects[0].mask | hot).sum((1, 2))
        assert overlap.argmax() == frame
        assert overlap[frame] > 0.9


@pytest.mark.parametrize("frame", [8, 9, 10, 12, 14])
def test_heat_does_not_pass_a_cut(open_page, tmp_path, frame):
    maps = in_two_shots(labels=("cat", "dog"))
    maps.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    show_heat(page, "dog", opacity=100)
    scrub(page, frame)
    shown = picture(page)
    height, width = shown.shape[:2]
    centres = shown[height // 10 :: height // 5, width // 14 :: width // 7]
    level = upsample_time(heat(maps.imap[1:]), maps.frame_times(15), 15, maps.time.cuts)[0, frame].numpy()[..., None]
    expected = level * colormaps["inferno"](level[..., 0])[..., :3] * 255 + (1 - level) * GREY * 0.8
    np.testing.assert_allclose(centres, expected, atol=6)
    assert page.locator("#timeline .cut").count() == 1
    assert "2 shots" in page.locator("#facts").inner_text()
    assert page.locator("#timeline polyline").count() == 2  # one in each shot


def test_the_times_of_a_stretch_are_those_of_its_file(open_page, tmp_path):
    maps = in_two_shots()
    for shot, seconds in zip(maps.settings["video"]["shots"], (1.0, 80.5), strict=True):
        shot["seconds"] = seconds
    maps.report(tmp_path / "report.html")
    page = open_page(tmp_path / "report.html")
    assert "from 1.0 s on" in page.locator("#facts").inner_text()
    cut = page.locator("#timeline .cut")
    assert cut.locator("title").all_text_contents() == ["A shot begins at 1:20.5 in the file"]
    for frame, title in ((0, "1.0 s"), (4, "1.5 s"), (9, "2.13 s"), (10, "1:20.5"), (14, "1:21.0")):
        scrub(page, frame)
        assert page.locator("#clock").get_attribute("title") == title
    box = cut.locator(".dashes").bounding_box()
    beside = [box["x"] + 4, box["y"] + 2]
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('.cut') !== null", beside)


def test_the_page_writes_times_as_the_facts_do(open_page, tmp_path):
    begins = [0.0, 0.125, 0.375, 1.005, 9.999, 59.994, 59.995, 69.5, 125.0625, 3_605.0]
    in_shots(*begins).report(tmp_path / "report.html")
    titles = open_page(tmp_path / "report.html").locator("#timeline .cut title").all_text_contents()
    assert titles == [f"A shot begins at {file_time(seconds)} in the file" for seconds in begins[1:]]
    assert list(map(file_time, begins)) == [
        *("0.0 s", "0.13 s", "0.38 s", "1.0 s", "10.0 s", "59.99 s", "1:00.0", "1:09.5", "2:05.06", "60:05.0")
    ]
