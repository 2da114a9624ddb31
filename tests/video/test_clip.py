"""`Clip`: the forms of frames that it accepts."""

import numpy as np
import pytest
import torch
from PIL import Image

from imap_fast.video import Clip
from tests.video.media import draw_frames


@pytest.mark.parametrize("form", ["uint8", "float32", "float16 tensor", "uint8 tensor", "images"])
def test_every_form_of_a_video_gives_the_same_frames(form):
    frames = draw_frames(3, 7, 5, seed=1)
    forms = {
        "uint8": frames,
        "float32": frames.astype(np.float32) / 255,
        "float16 tensor": torch.tensor(frames / 255, dtype=torch.float16),
        "uint8 tensor": torch.tensor(frames),
        "images": [Image.fromarray(frame) for frame in frames],
    }
    clip = Clip.of(forms[form], fps=12)
    np.testing.assert_array_equal(clip.frames, frames)
    assert clip.fps == 12


def test_grey_images_get_colour_and_a_clip_stays_itself():
    clip = Clip.of([Image.new("L", (4, 6), 77)] * 2)
    assert clip.frames.shape == (2, 6, 4, 3)
    assert np.all(clip.frames == 77)
    assert Clip.of(clip, fps=99) is clip


@pytest.mark.parametrize(
    ("video", "error", "says"),
    [
        ([], ValueError, "T, H, W ≥ 1"),
        (np.zeros((2, 4, 4), np.uint8), ValueError, r"\[2, 4, 4\]"),
        (np.zeros((0, 4, 4, 3), np.uint8), ValueError, r"\[0, 4, 4, 3\]"),
        (torch.zeros(2, 3, 4, 4), ValueError, r"permute\(0, 2, 3, 1\)"),
        (np.zeros((1, 2, 4, 4, 3), np.float32), ValueError, r"video\[0\]"),
        (np.full((1, 4, 4, 3), -1.0), ValueError, r"span \[-1, -1\]"),
        (np.full((1, 4, 4, 3), 200.0), ValueError, r"span \[200, 200\]"),
        (np.full((1, 4, 4, 3), np.nan, np.float32), ValueError, "NaN"),
        (np.zeros((1, 4, 4, 3), np.int64), ValueError, "int64"),
        ([Image.new("RGB", (4, 4)), Image.new("RGB", (5, 4))], ValueError, r"\(5, 4\)"),
        ("cat.mp4", TypeError, "read_clip"),
        (None, TypeError, "NoneType"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_video_is_refused(video, error, says):
    with pytest.raises(error, match=says):
        Clip.of(video)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(ValueError, match="fps"):
        Clip(draw_frames(1, 2, 2, seed=0), fps)


def test_frames_of_another_type_are_refused():
    with pytest.raises(TypeError, match="float64"):
        Clip(np.zeros((1, 2, 2, 3)))


def test_the_fingerprint_tells_clips_apart():
    frames = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    clips = [Clip(frames), Clip(frames, 24), Clip(frames.reshape(2, 6, 4, 3)), Clip(frames.reshape(4, 2, 6, 3))]
    clips += [Clip(frames + np.uint8(1)), Clip(frames[::-1])]
    assert len({clip.fingerprint() for clip in clips}) == len(clips)
    assert Clip(np.asfortranarray(frames), 8).fingerprint() == Clip(frames, 8.0).fingerprint()


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_images_are_refused(mode):
    picture = Image.fromarray(np.full((4, 6), 300, {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    assert picture.mode == mode
    with pytest.raises(ValueError, match=f"images of the mode {mode} have no range of 0 to 255"):
        Clip.of([picture, picture])
