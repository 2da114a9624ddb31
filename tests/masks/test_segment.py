"""`SaliencyMaps.masks`: masks at the size of the video."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.masks.refinement import refinement_of
from imap_fast.video import Clip, VideoFile
from tests.render.synthetic import in_two_shots, make_maps
from tests.video.media import draw_frames


def maps_of(values: torch.Tensor, labels: tuple[str, ...], **read: object) -> SaliencyMaps:
    """Maps of a video of one latent frame for each frame."""
    frames, height, width = values.shape[1:]
    video = {"num_frames": frames, "height": 16 * height, "width": 16 * width, "fps": 8.0, **read}
    maps = make_maps(labels, (frames, height, width), video=video, temporal_compression=1)
    return replace(maps, maps={"imap": values, "gramcol": values.flip(0)})


def frames_of(masks) -> np.ndarray:
    return np.stack([frame.masks for frame in masks.frames()])


def blocks(*places: tuple[int, int], side: int = 3, frames: int = 4) -> torch.Tensor:
    """One concept for each place: a hot block, 6 × 8 patches in all."""
    values = torch.zeros(len(places), frames, 6, 8)
    for concept, (row, column) in zip(values, places, strict=True):
        concept[:, row : row + side, column : column + side] = 1
    return values


def test_a_mask_is_where_the_map_is_hot():
    masks = maps_of(blocks((0, 0), (3, 5)), ("cat", "dog")).masks()
    assert (masks.labels, masks.num_frames, masks.height, masks.width) == (("cat", "dog"), 4, 96, 128)
    assert (masks.fps, masks.exclusive) == (8.0, False)
    assert masks["cat"].shape == (4, 96, 128)
    assert masks["cat"].dtype == bool
    assert masks["cat"][:, :40, :40].all()
    assert not masks["cat"][:, 56:].any()
    assert masks["dog"][:, 56:, 88:].all()


def test_masks_are_of_the_map_that_is_named_and_of_the_concepts_that_are():
    maps = maps_of(blocks((0, 0), (3, 5)), ("cat", "dog"))
    assert (maps.masks(map="gramcol")["cat"] == maps.masks()["dog"]).all()
    assert maps.masks(concepts=["dog", "cat", "dog"]).labels == ("dog", "cat")
    masks = maps.masks(concepts="dog")
    assert masks.labels == ("dog",)
    with pytest.raises(KeyError, match="no concept 'cat'; there are 'dog'"):
        masks["cat"]
    with pytest.raises(KeyError, match="no concept 'bird'"):
        maps.masks(concepts=["bird"])


def test_the_background_is_no_mask_unless_it_is_named():
    maps = maps_of(blocks((0, 0), (3, 5)), ("cat", "Background"))
    assert maps.masks().labels == ("cat",)
    assert maps.masks(concepts=["cat", "Background"]).labels == ("cat", "Background")
    assert maps.masks(exclusive=True).labels == ("cat",)
    assert maps.masks(concepts=["cat", "Background"], exclusive=True).labels == ("cat",)
    for arguments in ({"concepts": "Background", "exclusive": True}, {"concepts": []}):
        with pytest.raises(ValueError, match="no concept"):
            maps.masks(**arguments)


def test_exclusive_masks_do_not_overlap_and_the_highest_above_its_threshold_wins():
    values = blocks((0, 0), (0, 2), (0, 0))
    values[0, :, :3, 2] = 0.9
    maps = maps_of(values, ("cat", "dog", "bird"))
    both = frames_of(maps.masks(threshold=0.5))
    assert (both[:, 0] & both[:, 1]).any()
    alone = frames_of(maps.masks(threshold=0.5, exclusive=True))
    assert (alone.sum(1) <= 1).all()
    assert (alone.any(1) == both.any(1)).all()
    assert (alone <= both).all()
    assert alone[:, 1, 8:40, 40:44].all()  # the dog is hotter there
    equal = blocks((0, 0), (0, 0))
    first = frames_of(maps_of(equal, ("cat", "dog")).masks(exclusive=True))
    assert first[:, 0].any()
    assert not first[:, 1].any()


def test_the_background_competes_for_pixels():
    values = blocks((0, 0), (0, 1))
    values[0] *= 0.9
    values[0, :, 5, 7] = 1.0
    maps = maps_of(values, ("cat", "background"))
    alone, free = maps.masks(threshold=0.5, exclusive=True)["cat"], maps.masks(threshold=0.5)["cat"]
    assert (alone <= free).all()
    assert alone.sum() < free.sum()


def test_masks_are_at_the_size_of_the_video_and_outside_of_what_the_model_saw_is_none():
    """A wide video: the model saw its middle. The same from a file and from frames."""
    values = blocks((0, 0), (3, 5))
    maps = maps_of(values, ("cat", "dog"))
    clip = Clip(draw_frames(4, 192, 512, seed=0), 8.0)
    masks = frames_of(maps.masks(clip))
    assert masks.shape == (4, 2, 192, 512)
    assert not masks[..., :128].any()
    assert not masks[..., 384:].any()
    small = frames_of(maps.masks())
    assert masks[..., 128:384].mean() == pytest.approx(small.mean(), abs=0.01)
    assert (masks[:, :, ::2, 128:384:2] == small).mean() > 0.98


def test_a_picture_over_a_clip_shows_what_the_model_saw():
    maps = maps_of(blocks((0, 0)), ("cat",))
    wide = np.zeros((4, 96, 256, 3), np.uint8)
    wide[:, :, 64:192] = 200
    assert (maps.source_video(Clip(wide)).height, maps.source_video(Clip(wide)).width) == (96, 128)
    pictures = [picture.resized(96, 128) for picture, _ in maps.source_video(Clip(wide)).pictures()]
    assert (np.stack(pictures) == 200).all()


def test_masks_of_a_file_have_its_times(tmp_path):
    path = tmp_path / "film.mp4"
    Clip(draw_frames(4, 96, 128, seed=0), 8.0).save(path)
    maps = maps_of(blocks((0, 0)), ("cat",), sha256=VideoFile(path).fingerprint())
    frames = list(maps.masks(path).frames())
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.125, 0.25, 0.375])
    assert (np.stack([frame.masks[0] for frame in frames]) == maps.masks()["cat"]).all()
    assert [picture.size for picture, _ in maps.masks(path).pictures()] == [(96, 128)] * 4
    assert maps.masks().pictures is None


def test_frames_from_a_number_on_are_the_same():
    maps = in_two_shots()
    masks = maps.masks()
    every = frames_of(masks)
    assert len(every) == 15
    for first in (1, 9, 10, 14):
        assert (np.stack([frame.masks for frame in masks.frames(first)]) == every[first:]).all()
    assert list(masks.frames(15)) == []


class Recorded:
    """A refinement that changes nothing, and records what it is given."""

    most_frames = 4

    def __init__(self) -> None:
        self.given: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []

    def __call__(self, frames, scores):
        self.given.append((len(frames), frames[0].shape, tuple(scores.shape)))
        height, width = frames[0].shape[:2]
        for score in scores.unbind(1):
            yield torch.nn.functional.interpolate(score[None], (height, width), mode="bilinear")[0]


def test_a_refinement_gets_frames_of_one_shot():
    maps, refinement = in_two_shots(), Recorded()
    clip = Clip(draw_frames(15, 80, 112, seed=1), 8.0)
    refined = frames_of(maps.masks(clip, refine=refinement))
    assert [count for count, *_ in refinement.given] == [4, 4, 2, 4, 1]
    assert {frame for _, frame, _ in refinement.given} == {(80, 112, 3)}
    assert {scores[0] for *_, scores in refinement.given} == {3}
    assert (refined == frames_of(maps.masks(clip))).all()
    # Windows that are not asked for are not refined.
    refinement.given.clear()
    assert len(list(maps.masks(clip, refine=refinement).frames(11))) == 4
    assert [count for count, *_ in refinement.given] == [4, 1]


def test_what_is_impossible_is_named():
    maps = maps_of(blocks((0, 0)), ("cat",))
    with pytest.raises(ValueError, match="refine='magic' is none of 'none', 'guided', 'crf', 'sam2'"):
        maps.masks(refine="magic")
    with pytest.raises(TypeError, match="refine=3 is neither a name nor"):
        maps.masks(refine=3)
    with pytest.raises(ValueError, match="a refinement looks at the video; give it"):
        maps.masks(refine=Recorded())
    with pytest.raises(ValueError, match="threshold='hot' is none of"):
        maps.masks(threshold="hot")
    with pytest.raises(ValueError, match="the maps were read from 4 frames, and this clip has 3"):
        maps.masks(draw_frames(3, 96, 128, seed=0))
    with pytest.raises(ValueError, match=r"maps are of 2 videos; show one of them: maps.video\(0\).masks"):
        make_maps(videos=2).masks()
    broken = maps_of(torch.full((1, 2, 3, 4), float("nan")), ("cat",))
    with pytest.raises(ValueError, match="not finite"):
        broken.masks()
    assert refinement_of("none") is None


def test_a_package_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "kornia.filters", None)
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(ValueError, match=r"refine='guided' needs pip install 'imap-fast\[masks\]'"):
        refinement_of("guided")
    with pytest.raises(ValueError, match="refine='crf' needs pip install pydensecrf2"):
        refinement_of("crf")


def test_a_generated_video_may_be_shorter_than_its_latent_frames_can_cover():
    maps = make_maps(grid=(3, 4, 6), rest_in_first_latent=True, temporal_compression=4)
    frames = draw_frames(10, 32, 48, seed=0)
    assert maps.time.longest_video(3) != 10
    assert frames_of(maps.masks(frames)).shape == (10, 3, 32, 48)


def test_each_concept_is_cut_out_of_its_map_and_motions_take_no_pixels_of_things():
    values = blocks((0, 0), (3, 5))
    maps = maps_of(values, ("cat", "running"))
    maps = replace(maps, settings=maps.settings | {"motions": ["running"]})
    masks = maps.masks()
    assert (masks["cat"] == maps.masks(map="gramcol")["cat"]).all()
    assert (masks["running"] == maps.masks(map="imap")["running"]).all()
    assert (masks["cat"] != maps.masks(map="imap")["cat"]).any()
    assert maps.masks(exclusive=True).labels == ("cat",)
    assert maps.masks(concepts=["running"], exclusive=True).labels == ("running",)
    alone = maps_of(values, ("jumping", "running"))
    alone = replace(alone, settings=alone.settings | {"motions": ["jumping", "running"]})
    assert alone.masks(exclusive=True).labels == ("jumping", "running")


def test_memory_does_not_grow_with_the_length_of_the_video():
    """A frame has 0.5 MB of masks. Of all frames there are a few bytes for each patch, which 256 pixels share."""
    peaks = []
    for frames in (20, 80):
        values = torch.rand(3, frames, 20, 32, generator=torch.Generator().manual_seed(0))
        masks = maps_of(values, ("a", "b", "c")).masks()
        tracemalloc.start()
        assert sum(1 for _ in masks.frames()) == frames
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    frame = 3 * 320 * 512
    assert peaks[0] < 8 * frame
    assert peaks[1] < peaks[0] + 6 * frame  # sixty more frames
