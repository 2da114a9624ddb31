"""Which of the streams of a file is its film."""

from pathlib import Path

import numpy as np
import pytest

import imap_fast
from imap_fast.video import Clip, VideoFile, read_clip
from imap_fast.video.decode import VideoError
from tests.video.ffmpeg import ffmpeg, render

RED, LIME = "color=red:s=64x48:r=8:d=0.5", "color=lime:s=64x48:r=8:d=0.5"


def colour(path: Path, **options: int) -> str:
    return ("red", "lime", "blue")[read_clip(path, **options).frames[0, 24, 32].argmax()]


@pytest.fixture(params=["mp4", "mkv"])
def two(request, tmp_path: Path) -> Path:
    """Two films, of which the second one is the default."""
    path = tmp_path / f"two.{request.param}"
    inputs = ("-f", "lavfi", "-i", RED, "-f", "lavfi", "-i", LIME, "-map", 0, "-map", 1, "-c:v", "libx264")
    ffmpeg(*inputs, "-disposition:v:0", 0, "-disposition:v:1", "default", path)
    return path


def test_the_default_film_is_taken_unless_another_is_chosen(two: Path) -> None:
    assert colour(two) == "lime"
    assert colour(two, stream=0) == "red"
    assert colour(two, stream=1) == "lime"
    late = list(VideoFile(two, 0.25, None, 0).timed_frames())
    assert [seconds for _, seconds in late] == [0.25, 0.375]
    assert late[0][0][24, 32].argmax() == 0


def test_a_film_that_is_not_there_is_refused(two: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"stream=2 is not in .*two\.\w+, whose films are 0 to 1; give one of them"):
        read_clip(two, stream=2)
    one = render(tmp_path / "one.mp4", RED)
    with pytest.raises(VideoError, match=r"stream=1 is not in .*one\.mp4, which has 1 film; omit it"):
        read_clip(one, stream=1)
    for wrong in (-1, True, 0.0, "0"):
        with pytest.raises(
            (TypeError, ValueError), match=f"stream={wrong!r} is no number of a film; give 0 for the first"
        ):
            read_clip(one, stream=wrong)


@pytest.mark.parametrize("suffix", ["mp3", "m4a"])
def test_a_cover_picture_is_no_film(tmp_path: Path, suffix: str) -> None:
    cover = render(tmp_path / "cover.png", "testsrc=s=64x64", "-frames:v", 1)
    path = tmp_path / f"song.{suffix}"
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", 0, "-map", 1, "-c:v", "png")
    ffmpeg(*sound, "-disposition:v", "attached_pic", path)
    with pytest.raises(VideoError, match=r"has sound but no picture; give a video file"):
        read_clip(path)
    with pytest.raises(VideoError, match=r"has sound but no picture; give a video file"):
        read_clip(path, stream=0)


def test_frames_have_no_streams() -> None:
    clip = Clip(np.zeros((9, 16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="stream=0 chooses a film of a file, and the video is frames; omit it"):
        imap_fast.explain(demo(), clip, "a red circle", ["red", "circle"], stream=0)


def demo():
    from diffusers import CogVideoXPipeline

    from imap_fast.demo.shipped_model import MODEL

    return CogVideoXPipeline.from_pretrained(MODEL)
