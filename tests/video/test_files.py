"""Clips written to files and read again."""

import gc

import av
import numpy as np
import pytest

from imap_fast.video import Clip, VideoError, VideoFile, read_clip
from imap_fast.video.write import write_timed_mp4
from tests.video.media import CLOCKWISE, draw_frames, set_display_matrix, write_sound


@pytest.mark.parametrize(
    ("height", "width", "fps"), [(48, 64, 8.0), (33, 47, 30000 / 1001), (1, 1, 25.0)], ids=["even", "odd", "1px"]
)
def test_a_saved_clip_reads_back(tmp_path, height, width, fps):
    frames = draw_frames(5, height, width, seed=height)
    Clip(frames, fps).save(tmp_path / "clip.mp4")
    back = read_clip(tmp_path / "clip.mp4")
    assert back.frames.shape == (5, height + height % 2, width + width % 2, 3)
    assert back.fps == pytest.approx(fps)
    # H.264 halves the colour planes and rounds. Swapped or shifted colours would differ much more.
    difference = np.abs(back.frames[:, :height, :width].astype(int) - frames)
    assert difference.mean() < 6
    assert list(tmp_path.iterdir()) == [tmp_path / "clip.mp4"]


def test_pure_colours_stay_pure(tmp_path):
    colours = np.array(list(np.ndindex(2, 2, 2)), np.uint8) * 255
    frames = np.broadcast_to(colours[:, None, None], (8, 32, 32, 3))
    Clip(frames).save(tmp_path / "clip.mp4")
    np.testing.assert_allclose(read_clip(tmp_path / "clip.mp4").frames.astype(int), frames, atol=6)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709, as the player must know


def test_a_saved_clip_plays_in_a_browser(tmp_path):
    path = tmp_path / "clip.mp4"
    Clip(draw_frames(9, 32, 32, seed=2)).save(path)
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.slow
def test_the_same_frames_give_the_same_bytes(tmp_path):
    mosaics = np.random.default_rng(4).integers(0, 256, (2, 60, 130, 3)).repeat(4, 1).repeat(4, 2)
    frames = [(mosaics[0, :, 2 * n :][:, :360] + mosaics[1, :, 5 * n :][:, :360]) // 2 for n in range(24)]
    frames = np.stack(frames).astype(np.uint8)
    for name in "ab":
        Clip(frames).save(tmp_path / f"{name}.mp4")
        write_timed_mp4(tmp_path / f"{name}-timed.mp4", ((frame, n / 24) for n, frame in enumerate(frames)), 24)
    for name in (".mp4", "-timed.mp4"):
        assert (tmp_path / f"a{name}").read_bytes() == (tmp_path / f"b{name}").read_bytes()


@pytest.mark.parametrize("name", ["clip.avi", "clip"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.mp4"):
        Clip(draw_frames(1, 8, 8, seed=0)).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_only_the_first_frames_are_read(tmp_path):
    frames = draw_frames(20, 32, 48, seed=3)
    Clip(frames).save(tmp_path / "clip.mp4")
    first = read_clip(tmp_path / "clip.mp4", num_frames=3).frames
    assert first.shape == (3, 32, 48, 3)
    np.testing.assert_array_equal(first, read_clip(tmp_path / "clip.mp4").frames[:3])
    assert len(read_clip(tmp_path / "clip.mp4", num_frames=99).frames) == 20


SHOWN = {
    (1, 0, 0, 1): lambda f: f,
    CLOCKWISE: lambda f: np.rot90(f, -1, (1, 2)),
    (-1, 0, 0, -1): lambda f: np.rot90(f, 2, (1, 2)),
    (0, -1, 1, 0): lambda f: np.rot90(f, 1, (1, 2)),
    (-1, 0, 0, 1): lambda f: f[:, :, ::-1],
    (1, 0, 0, -1): lambda f: f[:, ::-1],
    (0, 1, 1, 0): lambda f: f.transpose(0, 2, 1, 3),
    (0, -2, -2, 0): lambda f: f[:, ::-1, ::-1].transpose(0, 2, 1, 3),
}
"""What a player shows of frames `[T, H, W, 3]`, by the display matrix of their file."""


@pytest.mark.parametrize("matrix", SHOWN, ids=str)
def test_a_turned_or_mirrored_clip_is_read_upright(tmp_path, matrix):
    path = tmp_path / "clip.mp4"
    Clip(draw_frames(2, 32, 64, seed=5)).save(path)
    stored = read_clip(path).frames
    set_display_matrix(path, matrix)
    np.testing.assert_array_equal(read_clip(path).frames, SHOWN[matrix](stored))


@pytest.mark.parametrize("matrix", [(0.7, 0.7, -0.7, 0.7), (1, 0.1, -0.1, 1), (1, 0, 1, 0), (0, 0, 0, 0)], ids=str)
def test_another_display_matrix_is_refused(tmp_path, matrix):
    Clip(draw_frames(2, 32, 64, seed=5)).save(tmp_path / "clip.mp4")
    set_display_matrix(tmp_path / "clip.mp4", matrix)
    with pytest.raises(VideoError, match=r"clip\.mp4 is to be shown turned by other than quarter turns"):
        read_clip(tmp_path / "clip.mp4")


def test_a_name_is_never_a_pattern_or_an_address(tmp_path):
    odd = tmp_path / "50%03d http: clip.mp4"
    Clip(draw_frames(2, 16, 16, seed=4)).save(odd)
    assert len(read_clip(odd).frames) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.mp4"):
        read_clip(tmp_path / "nothing.mp4")


def test_what_is_no_video_is_refused_by_name(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.txt").write_text("hello world\nthis is text\n" * 20)  # FFmpeg would decode it as ANSI art
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(5).bytes(5000))
    write_sound(tmp_path / "sound.m4a")
    for name, says in {
        "empty.mp4": "is empty",
        "text.txt": "text file",
        "noise.mp4": "not a video",
        "sound.m4a": "sound but no picture",
        ".": "is a folder",
    }.items():
        with pytest.raises(ValueError, match=says):
            read_clip(tmp_path / name)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("index", ["in front", "at the end"])
def test_a_truncated_file_is_refused(tmp_path, share, index):
    path = tmp_path / "clip.mp4"
    Clip(np.random.default_rng(6).integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    if index == "at the end":
        start = content.index(b"moov") - 4
        length = int.from_bytes(content[start : start + 4], "big")
        content = content[:start] + content[start + length :] + content[start : start + length]
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"clip\.mp4"):
        read_clip(path)


def test_what_comes_before_a_cut_can_be_read(tmp_path):
    path = tmp_path / "clip.mp4"
    frames = np.random.default_rng(7).integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    Clip(frames).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="is damaged after"):
        read_clip(path)
    assert len(read_clip(path, num_frames=2).frames) == 2


@pytest.mark.parametrize("num_frames", [0, -3])
def test_no_frames_is_no_request(tmp_path, num_frames):
    with pytest.raises(ValueError, match=str(num_frames)):
        read_clip(tmp_path / "clip.mp4", num_frames=num_frames)


def test_each_frame_is_freed_at_once(tmp_path):
    """Frames that wait for a garbage collection would fill the memory: it comes seldom, and frames are large."""
    Clip(draw_frames(9, 32, 48, seed=6)).save(tmp_path / "clip.mp4")
    set_display_matrix(tmp_path / "clip.mp4")
    gc.collect()
    gc.disable()
    try:
        assert len(list(VideoFile(tmp_path / "clip.mp4").timed_frames())) == 9
        assert not any(isinstance(each, av.VideoFrame) for each in gc.get_objects())
    finally:
        gc.enable()
