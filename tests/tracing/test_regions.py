"""What a region is, and which patches of a latent frame it covers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import imap_fast
from imap_fast.tracing.region_tokens import length_of, region_tokens
from imap_fast.tracing.regions import check_regions
from imap_fast.upsampling.latent_time import LatentTime
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.pipelines import PIPELINES, generate
from tests.tracing.marking import traced


def test_pixels_of_a_pipeline(architecture: Architecture) -> None:
    """The point is in pixels of the video: patches of 16 pixels in these models."""
    pipe = architecture.pipeline()
    maps = []
    for regions in ({"a": (0.0, 8.0, 8.0)}, {"a": (0.0, 0.0, 0.0, 15.9, 15.9)}):
        arguments = {"match": "prompt", "layers": [0], "top_k": 2, "steps": [1], "regions": regions}
        with imap_fast.trace(pipe, ["cat"], **arguments) as tracer:
            generate(pipe)
        maps.append(tracer.maps.maps["region_cosine"])
    assert_close(maps[0][0, 0, 0, 0], torch.tensor(1.0), 1e-5)
    assert torch.equal(*maps)


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ({}, "give a dict, a name for each"),
        ([(0, 1, 1)], "give a dict, a name for each"),
        ({"": (0, 1, 1)}, "is empty"),
        ({"a": (0, 1)}, r"the region 'a' is \(0, 1\); give \(seconds, x, y\)"),
        ({"a": (0, 10**400, 1)}, "the region 'a' is"),
        ({"a": (-1, 1, 1)}, "the region 'a' has no time: -1 is no time in a video; give 0 to 1000000 seconds"),
        ({"a": ("x", 1, 1)}, "the region 'a' has no time: 'x' is no time in a video"),
        ({"a": (0, [[1, 0], [1]])}, r"the mask of 'a' is no array; give bool \[height, width\]"),
        ({"a": (0, 1, 1, 1)}, r"the region 'a' is \(0, 1, 1, 1\); give \(seconds, x, y\)"),
        ({"a": "0,1,1"}, r"give \(seconds, x, y\)"),
        ({"a": (0, float("nan"), 1)}, r"give \(seconds, x, y\)"),
        ({"a": (True, 1, 1)}, "the region 'a' has no time: True is no time; give seconds"),
        ({"a": (0, "1", 1)}, r"give \(seconds, x, y\)"),
        ({"a": "y" * 78}, f"the region 'a' is '{'y' * 78}'; give"),
        ({"a": "y" * 79}, f"the region 'a' is '{'y' * 78}…; give"),
        ({"a": (0, 2, 1, 1, 2)}, "the box 'a' ends before it begins"),
        ({"a": (0, 1, 2, 2, 1)}, "the box 'a' ends before it begins"),
        ({"a": (0, np.zeros((2, 3), bool))}, "the mask of 'a' is empty; mark at least one pixel"),
        ({"a": (0, np.ones((2, 3, 3)))}, r"the mask of 'a' is float64 \[2, 3, 3\]; give bool \[height, width\]"),
        ({"a": (0, np.ones((0, 3)))}, r"the mask of 'a' is float64 \[0, 3\]; give bool \[height, width\]"),
        ({"a": (0, "nowhere.png")}, "the mask of 'a' cannot be read from nowhere.png"),
        ({1: (0, 1, 1)}, "the region 1 has no name; give text, like 'ball'"),
        ({"a": (0, 1, 1), " a": (0, 1, 1)}, "regions need different names; got"),
    ],
)
def test_what_is_no_region(regions: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_regions(regions)


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ((0, 3.1, 1), "the region 'a' is outside of the picture, which is 3 pixels wide and 2 high: x is 3.1"),
        ((0, 1, 2.1), "high: y is 2.1"),
        ((0, -1, 1), "high: x is -1"),
        ((0, 1, 1, 4, 2), "high: right is 4"),
        ((0, -1, 1, 2, 2), "high: left is -1"),
        ((0, 1, 1, 3, 3), "high: bottom is 3"),
        ((1.2, 1, 1), "the region 'a' is at 1.2 s, outside of the clip: it has 9 frames in 1.125 s"),
        ((0, np.ones((3, 3))), "the mask of 'a' is 3 × 3 pixels, and the frame 3 × 2"),
    ],
)
def test_what_is_outside(region: tuple, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        traced(ARCHITECTURES["cogvideox"], regions={"a": region})


@pytest.mark.parametrize("name", ["cat", " cat", "background"])
def test_no_region_has_the_name_of_a_concept(name: str) -> None:
    pipe = ARCHITECTURES["cogvideox"].pipeline()
    with pytest.raises(ValueError, match=f"'{name}' is the name of a concept and of a region; give the region another"):
        imap_fast.trace(pipe, ["cat"], regions={name: (0, 1, 1)}, layers=[0], top_k=2)
    imap_fast.trace(pipe, ["cat"], regions={"Cat": (0, 1, 1)}, layers=[0], top_k=2)  # a capital is another word


def test_no_region_has_the_name_of_a_token(architecture: Architecture) -> None:
    pipe = architecture.pipeline()
    arguments = {"match": "prompt", "regions": {"cat": (0, 1, 1)}, "layers": [0], "top_k": 2, "steps": [0]}
    with imap_fast.trace(pipe, **arguments):
        with pytest.raises(ValueError, match="'cat' is the name of a concept and of a region"):
            generate(pipe)


def test_labels_are_not_those_of_regions() -> None:
    architecture = ARCHITECTURES["cogvideox"]
    with pytest.raises(ValueError, match="labels are for a tensor of concepts; regions have their own names"):
        traced(architecture, concepts=None, maps=["region_cosine"], labels=["other"])


def test_a_mask_from_a_picture(tmp_path: Path) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[1:3, 2:5, 1] = 200
    Image.fromarray(picture).save(tmp_path / "mask.png")
    (from_file,) = check_regions({"a": (1.5, tmp_path / "mask.png")})
    (from_array,) = check_regions({"a": (1.5, picture.any(-1))})
    assert np.array_equal(from_file.mask, from_array.mask)
    assert from_file.record() == from_array.record()
    Image.fromarray(picture.any(-1)).save(tmp_path / "mask.png")
    assert np.array_equal(check_regions({"a": (1.5, str(tmp_path / "mask.png"))})[0].mask, picture.any(-1))


def patches_of(region: tuple, own: tuple[int, int], seen: tuple[int, int], grid: tuple[int, int]) -> list[int]:
    (checked,) = check_regions({"a": region})
    return checked.patches(own, seen, grid)


def test_patches_where_the_frame_is_scaled_and_cropped() -> None:
    """A frame of 100 × 200 is scaled to 48 × 96, and the middle 48 × 72 are seen: 3 × 4.5 patches of 16."""
    own, seen, grid = (100, 200), (48, 64), (3, 4)
    # 16 pixels on each side are cropped: 33.3 of the frame
    assert patches_of((0, 34.0, 10.0), own, seen, grid) == [0]
    assert patches_of((0, 165.0, 99.0), own, seen, grid) == [11]
    assert patches_of((0, 100.1, 50.0), own, seen, grid) == [6]
    with pytest.raises(ValueError, match="outside of what the model sees: the frame of 200 × 100 pixels is cropped"):
        patches_of((0, 20.0, 50.0), own, seen, grid)
    with pytest.raises(ValueError, match="outside of what the model sees"):
        patches_of((0, 180.0, 50.0), own, seen, grid)


@given(
    own=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    box=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_rows_are_found_as_columns_are(own: tuple[int, int], grid: tuple[int, int], box: tuple[float, ...]) -> None:
    """A picture that is mirrored along its diagonal has its box in the mirrored patches."""
    seen = grid[0] * 8, grid[1] * 8
    top, bottom = sorted(share * own[0] for share in box[:2])
    left, right = sorted(share * own[1] for share in box[2:])
    try:
        found = patches_of((0, left, top, right, bottom), own, seen, grid)
    except ValueError:
        with pytest.raises(ValueError, match="outside of what the model sees"):
            patches_of((0, top, left, bottom, right), own[::-1], seen[::-1], grid[::-1])
        return
    mirrored = patches_of((0, top, left, bottom, right), own[::-1], seen[::-1], grid[::-1])
    assert {divmod(patch, grid[1])[::-1] for patch in found} == {divmod(patch, grid[0]) for patch in mirrored}


def test_the_edges_of_a_picture_are_inside() -> None:
    assert patches_of((0, 0.0, 0.0), (32, 48), (32, 48), (2, 3)) == [0]
    assert patches_of((0, 48.0, 32.0), (32, 48), (32, 48), (2, 3)) == [5]


def test_a_time_that_is_rounded_down_is_that_of_its_frame() -> None:
    """29 / 25 · 25 is a little less than 29, and the latent frame of frame 29 begins with it."""
    adapter = SimpleNamespace(pipeline=None, patch_size=(1, 1, 1), temporal_compression=4, rest_in_first_latent=False)
    (region,) = check_regions({"a": (29 / 25, 0, 0)})
    assert int(29 / 25 * 25) == 28
    assert region_tokens(adapter, [region], (9, 2, 3), 25) == [[8 * 6]]


def test_a_small_box_or_mask_is_one_patch() -> None:
    for begin, end in ((1.0, 3.0), (11.0, 14.0)):
        assert patches_of((0, begin, begin, end, end), (32, 48), (32, 48), (2, 3)) == [0]
    dot = np.zeros((32, 48), bool)
    dot[20, 40] = True
    assert patches_of((0, dot), (32, 48), (32, 48), (2, 3)) == [5]
    half = np.zeros((32, 48), bool)
    half[:16, :24] = True
    assert patches_of((0, half), (32, 48), (32, 48), (2, 3)) == [0, 1]


def test_a_patch_of_which_less_is_marked_is_outside() -> None:
    own, grid = (32, 48), (2, 3)
    assert patches_of((0, 4.0, 4.0, 20.0, 20.0), own, own, grid) == [0], "its centre is in the box"
    mask = np.zeros(own, bool)
    mask[:16, :23] = True
    assert patches_of((0, mask), own, own, grid) == [0], "half of it is in the mask"


def test_a_mask_is_scaled_and_cropped_as_its_frame_is() -> None:
    mask = np.zeros((100, 200), bool)
    mask[70:, :70] = True  # 33.3 pixels on each side are not seen: 36.7 of them are one of four patches, and a bit
    assert patches_of((0, mask), (100, 200), (48, 64), (3, 4)) == [8]
    mask[:, 33:] = False
    with pytest.raises(ValueError, match="the mask of 'a' is empty in what the model sees"):
        patches_of((0, mask), (100, 200), (48, 64), (3, 4))


def test_of_an_odd_number_of_pixels_one_more_is_cropped_at_the_end() -> None:
    assert patches_of((0, 0.2, 8.0), (32, 49), (32, 48), (2, 3)) == [0]
    with pytest.raises(ValueError, match="outside of what the model sees"):
        patches_of((0, 48.2, 8.0), (32, 49), (32, 48), (2, 3))


def test_a_mask_may_have_one_row() -> None:
    assert patches_of((0, np.array([[False, False, True]])), (1, 3), (1, 3), (1, 3)) == [2]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_not_marked(tmp_path: Path, mode: str) -> None:
    alpha = np.zeros((4, 6), np.uint8)
    alpha[1:3, 2:5] = 255
    white = np.full((4, 6, len(mode) - 1), 255, np.uint8)
    Image.fromarray(np.concatenate([white, alpha[..., None]], -1)).save(tmp_path / "mask.png")
    assert np.array_equal(check_regions({"a": (0, tmp_path / "mask.png")})[0].mask, alpha > 0)


SOFT = np.where(np.eye(4, dtype=bool), 1.0, 0.01)
OBJECTS = np.arange(16).reshape(4, 4) % 3


@pytest.mark.parametrize("mask", [SOFT, torch.from_numpy(SOFT), OBJECTS, OBJECTS.astype(np.uint8), SOFT - 0.5])
def test_a_mask_has_one_value_beside_0(mask) -> None:
    """Which of several are inside is not ours to guess: a matte, a map, or the numbers of objects."""
    with pytest.raises(ValueError, match=r"the mask of 'a' has 2 values or colours beside 0, and a mask has one"):
        check_regions({"a": (0, mask)})


@pytest.mark.parametrize("name", ["mask.jpg", "soft.png", "objects.png", "alpha.png"])
def test_a_picture_of_several_colours_is_no_mask(tmp_path: Path, name: str) -> None:
    disc = np.hypot(*np.mgrid[-20:20, -20:20]) < 11
    soft = (255 * disc).astype(np.uint8)
    soft[20, 20:31] = 128
    palette = Image.fromarray((disc * 2 - (np.arange(40) < 20) * disc).astype(np.uint8), "P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    alpha = Image.merge("LA", (Image.new("L", (40, 40), 255), Image.fromarray(soft)))
    pictures = {"mask.jpg": Image.fromarray((255 * disc).astype(np.uint8)), "soft.png": Image.fromarray(soft)}
    (pictures | {"objects.png": palette, "alpha.png": alpha})[name].save(tmp_path / name)
    with pytest.raises(ValueError, match=r"the mask of 'a' has \d+ values or colours beside 0"):
        check_regions({"a": (0, tmp_path / name)})


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    """Pillow has several errors for them, some of which are none of a file."""
    noise = np.random.default_rng(0).integers(0, 2, (64, 64), dtype=np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    for place in range(8, len(content), 3):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        (tmp_path / "broken.png").write_bytes(broken)
        # Some damage is not seen, such as that of a checksum. No other error leaves.
        with contextlib.suppress(ValueError):
            check_regions({"a": (0, tmp_path / "broken.png")})
    with pytest.raises(ValueError, match="the mask of 'a' cannot be read from"):
        check_regions({"a": (0, "mask\0.png")})


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.uint8, torch.float32])
def test_masks_as_tensors(dtype: torch.dtype) -> None:
    mask = torch.tensor([[1, 0, 0], [0, 0, 1]]).to(dtype)
    if dtype == torch.float32:
        mask.requires_grad_()
    (region,) = check_regions({"a": (0, mask)})
    assert region.mask.tolist() == [[True, False, False], [False, False, True]]


def test_a_box_that_is_seen_in_part() -> None:
    own, seen, grid = (100, 200), (48, 64), (3, 4)  # 33.3 pixels on each side are not seen
    assert patches_of((0, 0.0, 0.0, 40.0, 20.0), own, seen, grid) == [0]
    with pytest.raises(ValueError, match="outside of what the model sees"):
        patches_of((0, 0.0, 0.0, 30.0, 20.0), own, seen, grid)


@pytest.mark.parametrize("num_frames", [81, 161])
def test_latent_frames_of_patches_in_time(num_frames: int) -> None:
    """CogVideoX 1.5 takes two latent frames as one, and pads published lengths in front."""
    time = LatentTime(4, 2, True)
    latents = -(-((num_frames - 1) // 4 + 1) // 2)
    assert length_of(time, latents) == num_frames
    expected = time.frame_times(latents, num_frames)
    found = [time.latent_frame_of(frame, latents, num_frames) for frame in range(num_frames)]
    for latent in range(latents):
        assert np.mean([frame for frame in range(num_frames) if found[frame] == latent]) == expected[latent]


def test_a_pipeline_with_patches_in_time() -> None:
    pipe = PIPELINES["text-1.5"][1]()
    for frame, latent in ((0, 0), (1, 1), (8, 1), (9, 2), (16, 2)):
        with imap_fast.trace(pipe, None, layers=[0], top_k=2, regions={"a": (frame / 16, 10.0, 10.0)}) as tracer:
            generate(pipe, num_frames=17)
        assert tracer.maps.settings["regions"]["a"]["latent_frame"] == latent, frame
    with pytest.raises(ValueError, match="outside of the clip: it has 17 frames"):
        with imap_fast.trace(pipe, None, layers=[0], top_k=2, regions={"a": (17 / 16, 10.0, 10.0)}):
            generate(pipe, num_frames=17)
