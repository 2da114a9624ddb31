"""Regions of a real video: marked in one window, found in all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.tap import Tap
from imap_fast.tracing.tracer import Tracer
from imap_fast.video import Clip
from tests.architectures import Architecture
from tests.assertions import assert_close
from tests.explaining.runs import contents, killed_after, refused, same
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline

VIDEO = clip(25)  # three windows of 9 frames, at 8 frames per second
REGIONS = {"early": (0.0, 8.0, 8.0), "late": (2.05, 20.0, 5.0, 47.0, 30.0)}
MAPS = ["gramcol", "region_cosine", "region_gram", "region_qk_cosine", "region_qk"]


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(autouse=True)
def _unsure() -> Iterator[None]:
    """Maps of random weights are not sure, and say so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "another noise would")
        yield


def explain(pipeline, folder: Path | None = None, **changed: object) -> SaliencyMaps:
    arguments = {**READ, "regions": REGIONS, "maps": MAPS, **changed}
    prompt, words = ARGUMENTS
    shows_words = {*MAPS[:1]} & {*arguments["maps"]}
    return imap_fast.explain(pipeline, VIDEO, prompt, words if shows_words else None, folder=folder, **arguments)


class Passes:
    """What each layer of each pass is, and the maps of each window."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.layers: list[tuple[int, Tensor, Tensor, Tensor]] = []
        self.windows: list[SaliencyMaps] = []
        tap_read, maps = Tap.read, Tracer.maps.fget

        def observe(tap: Tap, read: ReadLayer) -> None:
            self.layers.append((read.layer, read.query, read.visual_key, read.features))
            tap_read(tap, read)

        def observe_maps(tracer: Tracer) -> SaliencyMaps:
            self.windows.append(maps(tracer))
            return self.windows[-1]

        patch.setattr(Tap, "read", observe)
        patch.setattr(Tracer, "maps", property(observe_maps))


def write_pictures(path: Path, pictures: list[np.ndarray], fps: int) -> None:
    """A video whose frames are pictures by themselves, each of its own size."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", fps, width=pictures[0].shape[1], height=pictures[0].shape[0])
        stream.pix_fmt = "yuvj444p"
        for number, picture in enumerate(pictures):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width = picture.shape[:2]
            encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1, fps)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuvj444p")
            for packet in (*encoder.encode(frame), *encoder.encode(None)):
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, fps)
                container.mux(packet)


def unit(values: Tensor) -> Tensor:
    return values.double() / values.double().norm(dim=-1, keepdim=True)


def test_each_window_is_compared_with_the_marked_tokens_of_one(pipeline) -> None:
    """In fp64, on whole features: the rows are those of the first pass of the window in which a region is."""
    with pytest.MonkeyPatch.context() as patch:
        passes = Passes(patch)
        whole = explain(pipeline)
    assert len(passes.windows) == 5, "two windows hold regions, and three are read"
    read = len(passes.layers) // 5
    by_pass = [passes.layers[number * read :][:read] for number in range(5)]
    frames, height, width = passes.windows[0].grid
    patches = height * width
    # "early" is in the first latent frame of the first window; "late", frame 16, in the last one of the second window.
    sources = (by_pass[0], [0]), (by_pass[1], [2 * patches + patch for patch in (1, 2, 4, 5)])
    for window, layers in zip(passes.windows[2:], by_pass[2:], strict=True):
        for number, (source, tokens) in enumerate(sources):
            cosine, product = torch.zeros(2, frames * patches, dtype=torch.float64)
            for (_, query, _, marked), (_, _, keys, features) in zip(source, layers, strict=True):
                row, asked = unit(marked)[:, tokens].mean(1), query.double()[:, tokens].mean(1)
                cosine = cosine + (unit(features) @ row[..., None])[..., 0].mean(0)
                product = product + (keys.double() @ asked[..., None])[..., 0].sum(0)
            assert_close(window.maps["region_cosine"][number].flatten(), cosine / read, 1e-4)
            assert_close(window.maps["region_qk"][number].flatten(), product / read, 1e-4)
    assert whole.maps["region_cosine"].shape[1] == whole.grid[0]
    early = whole.maps["region_cosine"][0, 0].flatten()
    assert_close(early[0], torch.tensor(1.0), 1e-5)
    assert frames == 3


def test_a_region_is_most_like_itself_wherever_it_is(pipeline) -> None:
    """A point in any frame of any window: its own patch, in its own latent frame, has the cosine 1."""
    for seconds, latent in ((0.0, 0), (0.13, 1), (0.5, 1), (0.63, 2), (3.0, 6)):
        maps = explain(pipeline, regions={"a": (seconds, WIDTH - 1.0, HEIGHT - 1.0)}, maps=["region_cosine"])
        own = maps.maps["region_cosine"][0, latent, -1, -1]
        # Frames of two windows are blended.
        assert own > 0.99 if latent in (0, 1, 6) else own > 0.2


def test_words_are_the_same_bits(pipeline) -> None:
    without = explain(pipeline, regions=None, maps=["gramcol"])
    assert torch.equal(explain(pipeline).gramcol, without.gramcol)
    assert "regions" not in without.settings


def test_regions_alone(pipeline) -> None:
    prompt, _ = ARGUMENTS
    alone = imap_fast.explain(pipeline, VIDEO, prompt, regions=REGIONS, **READ)
    assert list(alone.maps) == ["region_cosine"]
    assert alone.labels == ("early", "late")
    assert_close(alone.maps["region_cosine"], explain(pipeline).maps["region_cosine"], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("noises", [1, 2])
def test_a_run_resumes_with_the_same_bits(pipeline, tmp_path: Path, noises: int) -> None:
    whole = explain(pipeline, tmp_path / "whole", noises=noises)
    assert same(SaliencyMaps.load(tmp_path / "whole"), whole)
    assert same(explain(pipeline, noises=noises), whole)
    for commits in range(5):
        if not killed_after(commits, lambda: explain(pipeline, tmp_path / "cut", noises=noises)):
            break
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_each_noise_has_its_own_rows(pipeline) -> None:
    both = explain(pipeline, noises=2)
    alone = [explain(pipeline, generator=torch.Generator().manual_seed(run["seed"])) for run in both.settings["runs"]]
    for name in MAPS:
        assert_close(both.maps[name], (alone[0].maps[name] + alone[1].maps[name]) / 2, 1e-5)


def test_each_step_has_its_own_rows(pipeline) -> None:
    both = explain(pipeline, steps=[20, 30])
    alone = [explain(pipeline, steps=[step]) for step in (20, 30)]
    for name in MAPS:
        assert_close(both.maps[name], (alone[0].maps[name] + alone[1].maps[name]) / 2, 1e-5)


def test_batches_of_windows(pipeline) -> None:
    one, several = explain(pipeline, noises=2), explain(pipeline, noises=2, windows_per_batch=3)
    for name in MAPS:
        assert_close(several.maps[name], one.maps[name], 1e-3)


def test_other_regions_are_another_run(pipeline, tmp_path: Path) -> None:
    explain(pipeline, tmp_path)
    assert "regions." in refused(lambda: explain(pipeline, tmp_path, regions={**REGIONS, "early": (0.0, 9.0, 8.0)}))
    assert "regions was" in refused(lambda: explain(pipeline, tmp_path, regions=None, maps=MAPS[:1]))


def test_pixels_are_those_of_the_video(pipeline) -> None:
    """The video is three times as large as what the model sees, and wider: it is scaled and cropped."""
    frames = VIDEO if isinstance(VIDEO, np.ndarray) else Clip.of(VIDEO).frames
    wide = np.pad(frames.repeat(3, 1).repeat(3, 2), ((0, 0), (0, 0), (30, 30), (0, 0)), mode="edge")
    large = imap_fast.explain(
        pipeline,
        Clip(wide, 8.0),
        "a red cat",
        None,
        **READ,
        regions={"a": (0.0, 30 + 3 * 20.0, 3 * 20.0)},
        maps=["region_cosine"],
    )
    row, column = (int(20.0 * patches / side) for patches, side in zip(large.grid[1:], (HEIGHT, WIDTH), strict=True))
    assert_close(large.maps["region_cosine"][0, 0, row, column], torch.tensor(1.0), 1e-5)
    with pytest.raises(ValueError, match="outside of what the model sees"):
        imap_fast.explain(pipeline, Clip(wide, 8.0), "a red cat", None, **READ, regions={"a": (0.0, 5.0, 9.0)})


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ((3.3, 8.0, 8.0), "at 3.3 s, after the last frame that is read, which is shown until 3.125 s"),
        ((0.0, 1000.0, 8.0), "the region 'a' is outside of the picture"),
        ((0.0, np.ones((5, 5))), "the mask of 'a' is 5 × 5 pixels"),
    ],
)
def test_what_is_outside(pipeline, region: tuple, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        explain(pipeline, regions={"a": region})


def test_every_model(architecture: Architecture) -> None:
    if architecture.prompt_only:
        maps = ["region_cosine", "region_gram"]
        words = {"match": "prompt", "concepts": ["cat"]}
    else:
        maps, words = MAPS[1:], {"concepts": ["cat", "grass"]}
    pipe = architecture.pipeline()
    found = imap_fast.explain(
        pipe, VIDEO, "a red cat running on grass", **words, layers=[0, 2], top_k=2, height=HEIGHT, width=WIDTH,
        maps=["gramcol", *maps], window=9, regions={"a": (1.5, 20.0, 20.0)},
    )  # fmt: skip
    for name in maps:
        assert found.maps[name].isfinite().all()
        assert found.maps[name].std() > 0
    track = found.track("a")
    assert len(track.x) == found.settings["video"]["num_frames"]


@pytest.mark.parametrize(
    ("frame", "latent"), [(0, 0), (1, 1), (4, 1), (5, 2), (7, 2), (8, 2), (9, 3), (10, 4), (13, 4), (14, 5), (21, 6)]
)
def test_the_latent_frame_is_that_of_the_marked_tokens(pipeline, frame: int, latent: int) -> None:
    """Two shots, of nine frames and of sixteen: each begins with a latent frame of one video frame."""
    regions = {"a": (frame / 8, 20.0, 10.0)}
    maps = explain(pipeline, maps=["region_cosine"], regions=regions, shots=[9 / 8])
    assert maps.settings["regions"]["a"]["latent_frame"] == latent
    assert maps._marked_in("a") == latent
    own = maps.maps["region_cosine"][0].amax((-1, -2))
    assert own[latent] > 0.95


def test_a_region_is_in_the_size_of_its_own_frame(pipeline, tmp_path: Path) -> None:
    """A file whose pictures become twice as large: the same places are other pixels then."""
    height, width = 2 * HEIGHT, 2 * WIDTH
    path = tmp_path / "sizes.mkv"
    frames = Clip.of(VIDEO).frames
    write_pictures(path, [*frames[:12], *frames[12:].repeat(2, 1).repeat(2, 2)], fps=8)
    late = {"a": (2.0, width - 1.0, height - 1.0)}  # outside of the first frames
    maps = imap_fast.explain(pipeline, path, "a red cat", None, **READ, regions=late, maps=["region_cosine"])
    latent = maps.settings["regions"]["a"]["latent_frame"]
    assert maps.maps["region_cosine"][0, latent, -1, -1] > 0.95
    early = {"a": (0.0, width - 1.0, height - 1.0)}
    with pytest.raises(ValueError, match=f"is {WIDTH} pixels wide and {HEIGHT} high: x is {width - 1}"):
        imap_fast.explain(pipeline, path, "a red cat", None, **READ, regions=early)


def test_two_videos_of_one_explainer(pipeline, tmp_path: Path) -> None:
    from imap_fast.explaining.explainer import Explainer

    arguments = {**READ, "regions": {"a": (1.0, 20.0, 10.0)}, "maps": ["region_cosine"]}
    with Explainer(pipeline, *ARGUMENTS[:1], None, **arguments) as explainer:
        first = explainer.explain(VIDEO, folder=tmp_path / "first")
        second = explainer.explain(clip(17), folder=tmp_path / "second")
        again = explainer.explain(VIDEO, folder=tmp_path / "first")
    assert same(first, again)
    assert first.settings["regions"]["a"]["latent_frame"] == second.settings["regions"]["a"]["latent_frame"] == 2


def test_the_last_frame_of_a_slower_video(pipeline) -> None:
    """Ten frames at 24 per second, of which a third pass: the last one is shown until its end."""
    film = Clip(clip(10).frames, 24.0)
    maps = imap_fast.explain(
        pipeline, film, *ARGUMENTS, **READ, fps=8, regions={"a": (0.41, 20.0, 10.0)}, maps=["gramcol", "region_cosine"]
    )
    assert maps.settings["video"]["passed_fps"] == 8
    assert maps.regions == ("a",)


def test_a_region_before_a_stretch(pipeline) -> None:
    with pytest.raises(ValueError, match=r"at 0\.5 s, before the first frame that is read, at 1 s"):
        explain(pipeline, regions={"a": (0.5, 20.0, 10.0)}, start=1.0, end=2.0)


def test_there_is_no_callback_of_steps(pipeline) -> None:
    with pytest.raises(ValueError, match="on_step is for trace, whose steps make one video; omit it"):
        explain(pipeline, on_step=lambda step, maps: None)
