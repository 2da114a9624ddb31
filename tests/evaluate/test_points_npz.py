"""Points are read as docs/tap-vid.md writes them, and nothing else is."""

import pickle
import re

import numpy as np
import pytest

from imap_fast.evaluate.datasets.points_npz import read_points
from imap_fast.video import Clip
from tests.docs.messages import ROOT

FRAMES, HEIGHT, WIDTH = 3, 32, 48
RECIPE = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "tap-vid.md").read_text("utf-8"), re.DOTALL)[1]


def drawn():
    rng = np.random.default_rng(0)
    return rng.random((5, FRAMES, 2), np.float32), rng.random((5, FRAMES)) < 0.3


def write(folder, **changed):
    """A file as it should be, but for what is changed."""
    points, occluded = drawn()
    Clip(np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8)).save(folder / "a cat.mp4")
    name = np.frombuffer(b"a cat.mp4", np.uint8)
    arrays = {"points": points, "occluded": occluded.astype(np.uint8), "video": name} | changed
    np.savez(folder / "cat.npz", **{name: value for name, value in arrays.items() if value is not None})
    return folder / "cat.npz"


def test_points_are_read_in_pixels(tmp_path):
    points, occluded = drawn()
    read = read_points(write(tmp_path))
    assert read.clip.frames.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert read.points.dtype == np.float64
    assert np.array_equal(read.points[..., 0], points[..., 0].astype(float) * WIDTH)
    assert np.array_equal(read.points[..., 1], points[..., 1].astype(float) * HEIGHT)
    assert read.visible.dtype == bool
    assert np.array_equal(read.visible, ~occluded)


@pytest.mark.parametrize("is_named", [True, False])
def test_the_recipe_converts_what_tapvid_has(tmp_path, monkeypatch, is_named):
    points, occluded = drawn()
    clip = {"video": np.full((FRAMES, HEIGHT, WIDTH, 3), 90, np.uint8), "points": points.astype(np.float64)}
    clip |= {"occluded": occluded}
    (tmp_path / "tapvid_davis.pkl").write_bytes(pickle.dumps({"bear": clip} if is_named else [clip]))
    monkeypatch.chdir(tmp_path)
    exec(compile(RECIPE, "docs/tap-vid.md", "exec"), {})
    read = read_points(tmp_path / "tapvid" / f"{'bear' if is_named else 0}.npz")
    assert np.allclose(read.points, points * (WIDTH, HEIGHT))
    assert np.array_equal(read.visible, ~occluded)
    assert len(read.clip.frames) == FRAMES


def with_point(x, y, is_occluded):
    points, occluded = drawn()
    points[2, 1] = x, y
    occluded[2, 1] = is_occluded
    return {"points": points, "occluded": occluded.astype(np.uint8)}


def test_a_point_that_is_not_visible_may_be_outside(tmp_path):
    assert read_points(write(tmp_path, **with_point(7, -3, True))).points[2, 1].tolist() == [7 * WIDTH, -3 * HEIGHT]
    assert read_points(write(tmp_path, **with_point(1.1, -0.1, False))).visible[2, 1]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"points": None}, "its arrays are others"),
        ({"more": np.zeros(3)}, "its arrays are others"),
        ({"points": np.zeros((5, FRAMES, 2))}, "points are float64 [5, 3, 2] and not fp32 [N, T, 2]"),
        ({"points": np.zeros((5, FRAMES, 3), np.float32)}, "points are float32 [5, 3, 3] and not fp32 [N, T, 2]"),
        ({"points": np.zeros((5, FRAMES, 2, 1), np.float32)}, "points are float32 [5, 3, 2, 1] and not fp32 [N, T, 2]"),
        ({"points": np.zeros((0, FRAMES, 2), np.float32)}, "points are float32 [0, 3, 2] and not fp32 [N, T, 2]"),
        ({"occluded": np.zeros((5, FRAMES + 1), np.uint8)}, "occluded is not 0 or 1 of each point in each frame"),
        ({"occluded": np.full((5, FRAMES), 255, np.uint8)}, "occluded is not 0 or 1 of each point in each frame"),
        ({"occluded": np.zeros((5, FRAMES))}, "occluded is not 0 or 1 of each point in each frame"),
        ({"occluded": np.zeros((5, FRAMES), bool)}, "occluded.npy is no C-ordered array of fp32, fp64, int64 or uint8"),
        (with_point(np.nan, 0, True), "a point is not finite"),
        (with_point(1.2, 0.5, False), "a visible point is not in the picture; points are shares of width and height"),
        (with_point(0.5, -0.2, False), "a visible point is not in the picture; points are shares of width and height"),
        ({"video": np.frombuffer(b"acat.mp4", np.float32)}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"a cat.mp4", np.uint8)[None]}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"../a cat.mp4", np.uint8)}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"/a cat.mp4", np.uint8)}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"..", np.uint8)}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"a\ncat.mp4", np.uint8)}, "its video is no name of a file"),
        ({"video": np.zeros(0, np.uint8)}, "its video is no name of a file"),
        ({"video": np.frombuffer(b"\xff\xfe", np.uint8)}, "'utf-8' codec can't decode byte 0xff"),
        ({"video": np.array([{"a": 1}])}, "video.npy is no C-ordered array"),
    ],
)
def test_what_is_no_file_of_points_is_refused_in_a_line(tmp_path, changed, reason):
    path = write(tmp_path, **changed)
    with pytest.raises(ValueError, match=re.escape(f"cat.npz is damaged or holds no points ({reason}")) as raised:
        read_points(path)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("); write it as docs/tap-vid.md does")


def test_a_damaged_file_is_refused(tmp_path):
    path = write(tmp_path)
    content = path.read_bytes()
    for damaged in (b"", content[:-30], content.replace(drawn()[0].tobytes()[:8], b"12345678")):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cat\.npz is damaged or holds no points \("):
            read_points(path)


@pytest.mark.parametrize(
    ("error", "reason"), [(EOFError(), "(EOFError)"), (ValueError("much\n" * 99), f"({'much ' * 40})")]
)
def test_a_reason_is_short_and_there_is_always_one(tmp_path, monkeypatch, error, reason):
    def fail(*_):
        raise error

    path = write(tmp_path)
    monkeypatch.setattr("imap_fast.evaluate.datasets.points_npz.read_array", fail)
    with pytest.raises(ValueError, match=re.escape(f"cat.npz is damaged or holds no points {reason}; write it")):
        read_points(path)


def test_the_video_is_there_and_has_as_many_frames(tmp_path):
    points, occluded = np.zeros((1, 4, 2), np.float32), np.zeros((1, 4), np.uint8)
    with pytest.raises(ValueError, match=r"has points in 4 frames, and a cat\.mp4 has 3; give the video of these"):
        read_points(write(tmp_path, points=points, occluded=occluded))
    (tmp_path / "a cat.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"a cat\.mp4: no such file; give the path of a video file"):
        read_points(tmp_path / "cat.npz")
    with pytest.raises(FileNotFoundError, match=r"dog\.npz: no such file; give points"):
        read_points(tmp_path / "dog.npz")
