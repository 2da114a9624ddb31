"""Files of several images that FFmpeg takes for one, or cannot decode."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from imap_fast.video import VideoFile, read_clip
from imap_fast.video.decode import VideoError

FRAMES = [Image.new("RGB", (48, 32), (40 * number, 80, 200 - 40 * number)) for number in range(5)]
DURATIONS = [100, 100, 300, 100, 200]
TIMES = [0.0, 0.1, 0.2, 0.5, 0.6]

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def save(path: Path, frames: list[Image.Image] = FRAMES, **options) -> Path:
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


@pytest.mark.parametrize("name", ["clip.webp", pytest.param("clip.avif", marks=needs_avif)])
def test_an_animation_is_read_with_its_times(tmp_path: Path, name: str) -> None:
    video = VideoFile(save(tmp_path / name, duration=DURATIONS, quality=95))
    assert video.expected_frames == 5
    assert video.fps == pytest.approx(5 / 0.8)
    frames, seconds = zip(*video.timed_frames(), strict=True)
    assert seconds == pytest.approx(TIMES)
    assert video.gaps == []
    for frame, expected in zip(frames, FRAMES, strict=True):
        assert np.abs(frame[16, 24].astype(int) - expected.getpixel((24, 16))).max() <= 8
    late = VideoFile(tmp_path / name, 0.2, 0.6)
    assert [at for _, at in late.timed_frames()] == pytest.approx([0.2, 0.5])
    assert late.expected_frames == 2


def test_a_stack_of_images_is_read_to_its_end(tmp_path: Path) -> None:
    clip = read_clip(save(tmp_path / "stack.tif"))
    assert clip.fps == pytest.approx(25)
    np.testing.assert_array_equal(clip.frames, np.stack([np.asarray(frame) for frame in FRAMES]))


def test_a_single_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    for name in ("one.webp", "one.tif", "one.png", "one.jpg"):
        FRAMES[1].save(tmp_path / name, quality=95)
        clip = read_clip(tmp_path / name)
        assert clip.frames.shape == (1, 32, 48, 3)
        assert np.abs(clip.frames[0, 16, 24].astype(int) - FRAMES[1].getpixel((24, 16))).max() <= 8


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    clear = [Image.new("RGBA", (48, 32), (250, number, 0, 0)) for number in range(3)]
    clear[1].paste((0, 200, 0, 255), (0, 0, 24, 32))
    frames = read_clip(save(tmp_path / "clear.webp", clear, lossless=True, exact=True)).frames
    assert (frames[0] == 0).all()
    assert (frames[1, :, :24] == [0, 200, 0]).all()
    assert (frames[1, :, 24:] == 0).all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["webp", "tif", pytest.param("avif", marks=needs_avif)])
def test_a_torn_file_is_refused_or_says_where(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    content = save(tmp_path / f"whole.{suffix}", [Image.fromarray(each) for each in noise]).read_bytes()
    torn = tmp_path / f"torn.{suffix}"
    torn.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"torn\.\w+ (holds no|is not a video|is damaged after \d frames|has no)"):
        read_clip(torn)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright(tmp_path: Path, orientation: int) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / "photograph.jpg"
    Image.fromarray(colours).save(path, exif=exif, quality=100, subsampling=0)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    frame = read_clip(path).frames[0]
    assert frame.shape == expected.shape
    assert np.abs(frame[8::16, 8::16].astype(int) - expected[8::16, 8::16]).max() <= 4


def test_values_without_a_range_are_refused(tmp_path: Path) -> None:
    deep = [Image.fromarray(np.full((32, 48), 1000 * number, np.uint16)) for number in range(3)]
    with pytest.raises(
        VideoError, match=r"deep\.tif has images of the mode I;16, whose range is unknown; convert them"
    ):
        read_clip(save(tmp_path / "deep.tif", deep))


def test_a_stream_of_images_is_the_only_one(tmp_path: Path) -> None:
    path = save(tmp_path / "clip.webp")
    assert len(read_clip(path, stream=0).frames) == 5
    with pytest.raises(VideoError, match=r"stream=1 is not in .*clip\.webp, which has 1 film; omit it"):
        read_clip(path, stream=1)
