"""Files of several images that FFmpeg takes for one, or cannot decode."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from imap_fast.video import VideoFile, read_clip
from imap_fast.video.decode import VideoError
from tests.video.ffmpeg import BARS, LOSSLESS, render

FRAMES = [Image.new("RGB", (48, 32), (40 * number, 80, 200 - 40 * number)) for number in range(5)]
DURATIONS = [100, 100, 300, 100, 200]
TIMES = [0.0, 0.1, 0.2, 0.5, 0.6]

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def save(path: Path, frames: list[Image.Image] = FRAMES, **options) -> Path:
    first, *others = (frame.copy() for frame in frames)  # Pillow keeps options at an image
    first.save(path, save_all=True, append_images=others, **options)
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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["clip.webp", "stack.tif", "one.tif"])
def test_images_are_turned_by_their_tag(tmp_path: Path, name: str, orientation: int) -> None:
    """FFmpeg does not know the tag of TIFF."""
    colours = np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    frames = [Image.fromarray(colours), Image.fromarray(255 - colours)]
    options = {"lossless": True} if name.endswith("webp") else {}
    save(tmp_path / name, frames[: 1 if name == "one.tif" else 2], exif=exif, **options)
    video = VideoFile(tmp_path / name)
    upright = Image.fromarray(colours)
    upright.getexif()[ExifTags.Base.Orientation] = orientation
    np.testing.assert_array_equal(next(video.timed_frames())[0], ImageOps.exif_transpose(upright))
    if name == "clip.webp":  # Pillow itself turns TIFF
        assert ("turned" in video.display) == (orientation > 1)


def test_a_smaller_copy_is_no_frame(tmp_path: Path) -> None:
    FRAMES[0].save(tmp_path / "pages.tif", save_all=True, append_images=[FRAMES[1].resize((12, 8))])
    assert len(read_clip(tmp_path / "pages.tif").frames) == 1


def test_a_smaller_copy_behind_each_image_is_no_frame(tmp_path: Path) -> None:
    pages = [frame for each in FRAMES[:3] for frame in (each.copy(), each.resize((12, 8)))]
    for number, page in enumerate(pages):
        page.encoderinfo = {"tiffinfo": {254: number % 2}}  # NewSubfileType
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:], tiffinfo={254: 0})
    frames = read_clip(tmp_path / "pages.tif").frames
    np.testing.assert_array_equal(frames, np.stack([np.asarray(frame) for frame in FRAMES[:3]]))


def test_images_are_compared_in_a_small_size(tmp_path: Path) -> None:
    """Of large ones, dozens wait to tell where shots begin."""
    large = [frame.resize((480, 320)) for frame in FRAMES]
    for timed in VideoFile(save(tmp_path / "large.webp", large)).pictures():
        assert timed.picture.small().shape == (96, 128, 3)
        assert timed.picture.size == (320, 480)


@needs_avif
@pytest.mark.slow
def test_an_animation_of_hdr_is_mapped_like_a_film_of_it(tmp_path: Path) -> None:
    wide = (
        "format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc,"
        "zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv444p10le"
    )
    encoder = ("-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "5", "-r", "8")
    path = render(tmp_path / "hdr.avif", BARS, "-vf", wide, *encoder)
    video = VideoFile(path)
    frames = [frame for frame, _ in video.timed_frames()]
    assert len(frames) == 4
    assert video.display == {"tone_mapped": "PQ, BT.2020"}
    film = render(tmp_path / "hdr.mp4", BARS, "-vf", wide, *LOSSLESS)
    expected = read_clip(film).frames[0].astype(int)
    assert np.abs(frames[0].astype(int) - expected)[12::24, 16::32].max() <= 24, "Pillow gives 8 bits"


def test_without_avif_in_pillow_other_files_are_read(tmp_path: Path, monkeypatch) -> None:
    Image.init()
    monkeypatch.setattr(Image, "OPEN", {name: value for name, value in Image.OPEN.items() if name != "AVIF"})
    path = render(tmp_path / "film.mp4", "color=red:s=64x48:r=8:d=0.5")
    assert len(read_clip(path).frames) == 4
    assert len(read_clip(save(tmp_path / "clip.webp")).frames) == 5


def test_an_animation_is_explained_without_a_warning(tmp_path: Path, recwarn) -> None:
    picture, _ = next(VideoFile(save(tmp_path / "clip.webp")).pictures())
    assert picture.resized(16, 24).flags.writeable
    assert not recwarn.list


@pytest.mark.parametrize("name", ["bomb.tif", "bomb.webp", "bomb.png"])
def test_images_that_are_too_large_are_said_to_be(tmp_path: Path, monkeypatch, name: str) -> None:
    for module in ("images", "decode"):
        monkeypatch.setattr(f"imap_fast.video.{module}.MAX_PIXELS", 1000)
    frames = FRAMES[: 1 if name.endswith("png") else 2]
    with pytest.raises(VideoError, match=r"bomb\.\w+ has (images|frames) of more than 1,000 pixels; make them smaller"):
        VideoFile(save(tmp_path / name, frames))
