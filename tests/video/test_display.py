"""What the model sees of a file is what a player shows, and what the `ffmpeg` command makes of it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imap_fast.video import VideoFile, read_clip
from imap_fast.video.decode import VideoError
from imap_fast.video.display import _GRAPHS, Display
from tests.video.ffmpeg import BARS, LOSSLESS, ffmpeg, first_picture, render

MIRRORED = {
    (0, False): None,
    (0, True): "mirrored",
    (90, False): "by 90° counterclockwise",
    (90, True): "mirrored, then by 90° clockwise",
    (180, False): "by 180°",
    (180, True): "mirrored, then by 180°",
    (270, False): "by 90° clockwise",
    (270, True): "mirrored, then by 90° counterclockwise",
}
"""How a player turns a frame, by the counterclockwise turn and the mirror that ffmpeg writes into a display matrix."""

COLOURS = np.array([[0, 255, 0], [255, 0, 0], [255, 255, 255], [0, 0, 255]])
"""Those of the quarters of `BARS`, row by row."""


def quarters(picture: np.ndarray) -> np.ndarray:
    """The colours in the middle of the four quarters of a picture, int `[4, 3]`."""
    height, width = picture.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([picture[row, column] for row in rows for column in columns], int)


def shown(path: Path) -> tuple[np.ndarray, dict]:
    """The first picture, and what was done to show it."""
    file = VideoFile(path)
    picture, _ = next(file.timed_frames())
    return picture, file.display


@pytest.fixture(scope="module")
def bars(tmp_path_factory) -> Path:
    return render(tmp_path_factory.mktemp("bars") / "bars.mp4", BARS, *LOSSLESS, "-pix_fmt", "yuv420p")


@pytest.mark.parametrize(("turn", "is_mirrored"), MIRRORED)
def test_a_frame_is_turned_as_ffmpeg_turns_it(bars: Path, tmp_path: Path, turn: int, is_mirrored: bool) -> None:
    mirror = ["-display_hflip"] if is_mirrored else []
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, *mirror, "-i", bars, "-c", "copy", path)
    picture, done = shown(path)
    difference = np.abs(picture.astype(int) - first_picture(path, *picture.shape[:2]))
    assert difference.max() <= 2, "as far as two builds of FFmpeg round alike"
    assert picture.shape == ((48, 64, 3) if turn % 180 == 0 else (64, 48, 3))
    assert done.get("turned") == MIRRORED[turn, is_mirrored]
    scaled = next(VideoFile(path).pictures()).picture.resized(24, 24)
    assert np.abs(quarters(scaled) - quarters(picture)).max() <= 6


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize(("aspect", "size"), [("2:1", (48, 128)), ("1:2", (96, 64)), ("16:11", (48, 93))])
def test_pixels_that_are_no_squares_are_stretched(
    tmp_path: Path, aspect: str, size: tuple[int, int], turn: int
) -> None:
    path, plain = tmp_path / "wide.mp4", tmp_path / "plain.mp4"
    render(plain, BARS, "-vf", f"setsar={aspect.replace(':', '/')}", *LOSSLESS, "-pix_fmt", "yuv420p")
    ffmpeg("-display_rotation", turn, "-i", plain, "-c", "copy", path)
    picture, done = shown(path)
    assert picture.shape[:2] == (size[::-1] if turn else size)
    assert done["stretched"] == aspect
    expected = first_picture(path, *picture.shape[:2], f"scale={picture.shape[1]}:{picture.shape[0]}")
    assert np.abs(quarters(picture) - quarters(expected)).max() <= 6
    assert next(VideoFile(path).pictures()).picture.size == picture.shape[:2]


def test_an_aspect_that_no_player_can_show_is_refused(tmp_path: Path) -> None:
    path = render(tmp_path / "line.mp4", "color=red:s=2000x800:r=8:d=0.5", "-vf", "setsar=100", *LOSSLESS)
    with pytest.raises(VideoError, match=r"as 200000 × 800 pixels, because its pixels are 100:1; correct their aspect"):
        read_clip(path)


def converted(matrix: str, full: bool, depth: int) -> str:
    """Filters that convert RGB to YUV, and tag it."""
    out_range = "pc" if full else "tv"
    pixels = {8: "yuv420p", 10: "yuv420p10le"}[depth]
    space = {"bt601": "smpte170m", "bt709": "bt709"}[matrix]
    return (
        f"format=gbrp,scale=out_color_matrix={matrix}:out_range={out_range},format={pixels},"
        f"setparams=colorspace={space}:color_primaries={space}:color_trc={space}:range={out_range}"
    )


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colours_are_those_of_ffmpeg(tmp_path: Path, matrix: str, full: bool, depth: int) -> None:
    path = render(tmp_path / "colours.mp4", BARS, "-vf", converted(matrix, full, depth), *LOSSLESS)
    picture, done = shown(path)
    assert np.abs(picture.astype(int) - first_picture(path, 48, 64)).max() <= 6
    assert np.abs(quarters(picture) - COLOURS).max() <= 6
    assert done == {}
    scaled = next(VideoFile(path).pictures()).picture.resized(40, 52)
    assert np.abs(quarters(scaled) - COLOURS).max() <= 6


@pytest.mark.parametrize(
    ("size", "matrix"),
    [("1280x534", "bt709"), ("960x720", "bt709"), ("720x1280", "bt709"), ("854x480", "bt601"), ("720x576", "bt601")],
)
def test_a_matrix_that_nothing_tells_is_that_of_the_size(tmp_path: Path, size: str, matrix: str) -> None:
    source = BARS.replace("64x48", size).replace("32:24", "iw/2:ih/2")
    source = source.replace("drawbox=0:24", "drawbox=0:ih/2").replace("drawbox=32:24", "drawbox=iw/2:ih/2")
    untagged = converted(matrix, False, 8).split(",setparams")[0] + ",setparams=colorspace=unknown"
    path = render(tmp_path / "untagged.y4m", source, "-frames:v", 1, "-vf", untagged)
    picture, done = shown(path)
    assert np.abs(quarters(picture) - COLOURS).max() <= 6
    assert done == ({"assumed_matrix": "BT.709"} if matrix == "bt709" else {})


def test_a_large_picture_of_rgb_has_no_matrix(tmp_path: Path) -> None:
    path = render(tmp_path / "large.png", BARS.replace("64x48", "1280x720"), "-frames:v", 1)
    picture, done = shown(path)
    assert (picture[-1, -1] == [255, 0, 0]).all()
    assert done == {}


TRANSFERS = {"smpte2084": "PQ", "arib-std-b67": "HLG", "bt2020-10": None}


@pytest.mark.slow
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_wide_colours_become_those_of_a_screen(tmp_path: Path, transfer: str) -> None:
    """Without the mapping, red is grey and orange: it is 255, 0, 0 of an ordinary screen here."""
    wide = (
        "format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc,"
        f"zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv:npl=203,format=yuv444p10le"
    )
    path = render(tmp_path / "wide.mp4", BARS, "-vf", wide, *LOSSLESS)
    picture, done = shown(path)
    assert done == (
        {"tone_mapped": f"{TRANSFERS[transfer]}, BT.2020"} if TRANSFERS[transfer] else {"gamut_mapped": "BT.2020"}
    )
    lime, red, white, blue = quarters(picture)
    assert np.ptp(white) <= 6
    assert white.min() >= 140
    unmapped = quarters(first_picture(path, 48, 64))
    for colour, before, number in zip((red, lime, blue), unmapped[[1, 0, 3]], range(3), strict=True):
        assert purity(colour, number) > purity(before, number)
        assert purity(colour, number) > 0.85
        assert colour[number] > 0.8 * white.min()


def test_wide_colours_without_a_matrix_have_that_of_bt2020(tmp_path: Path) -> None:
    converted = "format=gbrp,scale=out_color_matrix=bt2020:out_range=tv,format=yuv444p,setparams=range=tv"
    source = BARS.replace("64x48", "1280x720")
    pictures = []
    for matrix in ("bt2020nc", "unknown"):
        tags = f"{converted}:color_primaries=bt2020:color_trc=bt709:colorspace={matrix}"
        path = render(tmp_path / f"{matrix}.mp4", source, "-frames:v", 1, "-vf", tags, *LOSSLESS)
        picture, done = shown(path)
        pictures.append(picture.astype(int))
        assert done.get("assumed_matrix") == (None if matrix == "bt2020nc" else "BT.2020")
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def purity(colour: np.ndarray, number: int) -> float:
    """1 for a colour that is nothing but red, green or blue."""
    return float(colour[number] / np.linalg.norm(colour))


def test_what_was_done_is_of_the_frames_that_were_read(tmp_path: Path) -> None:
    """A film may change in the middle. A frame behind a stretch is not of it."""
    parts = [
        render(tmp_path / f"{turn}.mkv", "color=red:s=1280x720:r=8:d=1", "-vf", tags, *LOSSLESS).with_suffix(".ts")
        for turn, tags in enumerate(("setparams=colorspace=unknown", "setparams=colorspace=bt709"))
    ]
    for part in parts:
        ffmpeg("-i", part.with_suffix(".mkv"), "-c", "copy", part)
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for end, done in ((0.5, {"assumed_matrix": "BT.709"}), (1.0, {"assumed_matrix": "BT.709"}), (None, None)):
        file = VideoFile(path, None, end)
        assert file.display == {}
        assert len(list(file.timed_frames())) > 3
        assert file.display == (done or {"assumed_matrix": "BT.709"})
    late = VideoFile(path, 1.5)
    assert len(list(late.timed_frames())) > 2
    assert late.display == {}


def test_a_large_photograph_without_a_matrix_is_of_bt601(tmp_path: Path) -> None:
    source = BARS.replace("64x48", "1280x720").replace("32:24", "iw/2:ih/2")
    source = source.replace("drawbox=0:24", "drawbox=0:ih/2").replace("drawbox=32:24", "drawbox=iw/2:ih/2")
    untagged = converted("bt601", False, 8).split(",setparams")[0] + ",setparams=colorspace=unknown"
    encoder = ("-c:v", "libaom-av1", "-cpu-used", "8", "-frames:v", 1, "-still-picture", 1)
    path = render(tmp_path / "large.avif", source, "-vf", untagged, *encoder)
    picture, done = shown(path)
    assert np.abs(quarters(picture) - COLOURS).max() <= 8
    assert done == {}


class FailingGraph:
    """It takes a frame, and fails to give it."""

    def push(self, frame: av.VideoFrame) -> None:
        pass

    def pull(self) -> None:
        raise av.MemoryError(12, "no memory")


def test_a_graph_that_failed_is_not_used_again(bars: Path, monkeypatch) -> None:
    """It would give the frame that it still holds for the next one."""
    expected, _ = shown(bars)
    picture = next(VideoFile(bars).pictures()).picture
    _GRAPHS.__dict__.clear()
    with monkeypatch.context() as patched:
        patched.setattr(Display, "_built", lambda *arguments: FailingGraph())
        with pytest.raises(
            ValueError, match=r"FFmpeg cannot show frames of 48 × 64 pixels, yuv420p with matrix \d+, at"
        ):
            picture.pixels()
    np.testing.assert_array_equal(picture.pixels(), expected)


def test_pixel_aspects_are_exact() -> None:
    """The size of a picture does not depend on how a fraction is rounded."""
    anamorphic = Display(576, 720, "yuv420p", 1, 1, 1, 1, Fraction(64, 45))
    assert anamorphic.size == (576, 1024)
