"""The numbers of two runs on one video."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.maps.raw_files import with_repeats
from tests.render.synthetic import make_maps
from tests.report import moving

READ = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH, "fps": 8.0}


def explained(maps: SaliencyMaps | None = None, /, **read: object) -> SaliencyMaps:
    """Maps of the moving clip, as if they were read from a file."""
    maps = maps or moving.make_maps()
    return replace(maps, settings={**maps.settings, "video": READ | read})


def of_values(
    values: np.ndarray | torch.Tensor, *, compression: int = 1, height: int = 96, width: int = 160, **settings
):
    """Maps of one concept with these values `[F, H, W]`, of a model that saw frames of this size."""
    values = torch.as_tensor(values, dtype=torch.float32)[None]
    maps = make_maps(("cat",), grid=tuple(values.shape[1:]), temporal_compression=compression, **settings)
    read = READ | {"height": height, "width": width}
    return replace(maps, maps={"imap": values}, settings={**maps.settings, "video": read})


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_run_agrees_with_itself():
    maps = explained()
    comparison = imap_fast.compare(maps, maps, moving.make_clip())
    assert list(comparison.concepts) == ["below", "late"], "all but the background"
    for concept in comparison.concepts.values():
        assert concept.map == "imap"
        assert concept.correlation == pytest.approx(1, abs=1e-12)
        assert concept.iou == 1
    assert comparison["below"].temporal_iou is None, "it is steady"
    assert comparison["late"].temporal_iou == 1
    assert comparison.settings == {}
    assert comparison.left_out == ((), ())


def test_on_one_grid_it_is_the_plain_correlation_over_patches_and_frames():
    one, other = noise(17, 12, 20), noise(17, 12, 20, seed=1)
    other = other + 0.5 * one
    expected = np.corrcoef(one.flatten().numpy(), other.flatten().numpy())[0, 1]
    assert imap_fast.compare(of_values(one), of_values(other))["cat"].correlation == pytest.approx(expected, abs=1e-6)
    swapped = imap_fast.compare(of_values(other), of_values(one))["cat"].correlation
    assert swapped == pytest.approx(expected, abs=1e-6)


def test_a_finer_grid_is_averaged_by_area():
    fine = noise(17, 12, 20)
    coarse = fine.reshape(17, 6, 2, 10, 2).mean((2, 4))
    for one, other in ((fine, coarse), (coarse, fine)):
        assert imap_fast.compare(of_values(one), of_values(other))["cat"].correlation == pytest.approx(1, abs=1e-6)


def test_patches_that_do_not_divide_each_other_share_their_area():
    fine, coarse = noise(17, 3, 3), noise(17, 2, 2, seed=1)
    weights = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]) / 3
    averaged = weights @ fine @ weights.T
    expected = np.corrcoef(averaged.flatten().numpy(), coarse.flatten().numpy())[0, 1]
    found = imap_fast.compare(of_values(fine), of_values(coarse))["cat"].correlation
    assert found == pytest.approx(expected, abs=1e-6)


def test_more_latent_frames_are_taken_at_the_times_of_fewer():
    every = noise(17, 2, 3)
    times = [0, 2.5, 6.5, 10.5, 14.5]  # the means of frame 0, frames 1 to 4, …
    fewer = torch.stack([torch.lerp(every[math.floor(t)], every[math.ceil(t)], t % 1) for t in times])
    for one, other in ((every, fewer), (fewer, every)):
        runs = [of_values(each, compression=1 if len(each) == 17 else 4) for each in (one, other)]
        assert imap_fast.compare(*runs)["cat"].correlation == pytest.approx(1, abs=1e-6)


def test_maps_lie_where_their_model_saw_the_video():
    def curved(begin: float, end: float, patches: int) -> torch.Tensor:
        edges = torch.linspace(begin, end, patches + 1)
        places = (edges[1:] + edges[:-1]) / 2
        return ((places - 50) ** 2).expand(17, 6, patches)

    whole, middle = of_values(curved(0, 160, 20)), of_values(curved(32, 128, 6), width=96)
    comparison = imap_fast.compare(whole, middle, moving.make_clip())
    assert comparison["cat"].correlation > 0.9999
    assert imap_fast.compare(whole, replace(middle, settings=whole.settings))["cat"].correlation < 0.99


def test_only_what_both_models_saw_is_compared():
    whole, middle = noise(17, 1, 4), noise(17, 1, 12, seed=1)  # patches of 40 pixels, and of 8 from pixel 32 on
    both = torch.stack([middle[..., 1:6].mean(-1), middle[..., 6:11].mean(-1)], -1)
    expected = np.corrcoef(whole[..., 1:3].flatten().numpy(), both.flatten().numpy())[0, 1]
    found = imap_fast.compare(of_values(whole), of_values(middle, width=96), moving.make_clip())["cat"].correlation
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_iou_is_that_of_the_masks_at_the_size_of_the_video_where_both_saw_it():
    one, other = of_values(noise(17, 12, 20)), of_values(noise(5, 6, 6, seed=1), compression=4, width=96)
    clip = moving.make_clip()
    for threshold in ("otsu-twice", "80%", 0.6):
        first, second = (maps.masks(clip, threshold=threshold)["cat"][:, :, 32:128] for maps in (one, other))
        found = imap_fast.compare(one, other, clip, threshold=threshold)["cat"].iou
        assert found == (first & second).sum() / (first | second).sum()
        assert 0 < found < 1


def test_events_overlap_in_time():
    earlier = moving.make_maps()
    earlier.imap[1, 5:] = 1
    comparison = imap_fast.compare(explained(), explained(earlier))
    assert comparison["late"].temporal_iou == 8 / 12


def test_what_nobody_can_say_is_none_and_never_0():
    flat = of_values(torch.full((17, 12, 20), 3.7))
    comparison = imap_fast.compare(flat, of_values(noise(17, 12, 20)))
    assert (comparison["cat"].correlation, comparison["cat"].temporal_iou) == (None, None)
    assert comparison["cat"].iou == 0, "one of the masks is empty"
    assert imap_fast.compare(flat, flat)["cat"].iou is None
    assert json.loads(json.dumps(comparison.record(), allow_nan=False))["concepts"]["cat"]["correlation"] is None


def test_how_sure_each_run_is_of_a_map_is_beside_it():
    sure = with_repeats(explained())
    comparison = imap_fast.compare(sure, explained())
    assert comparison["late"].agreement == pytest.approx(sure.agreement[1].item())
    assert comparison["late"].agreement_of_other is None


def test_concepts_and_maps_can_be_chosen():
    one, other = explained(), explained(moving.make_maps(note="x"))
    assert list(imap_fast.compare(one, other, concepts=["background"]).concepts) == ["background"]
    comparison = imap_fast.compare(one, other, concepts="late", map="gramcol")
    assert {label: concept.map for label, concept in comparison.concepts.items()} == {"late": "gramcol"}
    with pytest.raises(KeyError, match="no concept 'dog' is in both runs; they share 'below', 'late', 'background'"):
        imap_fast.compare(one, other, concepts=["dog"])
    with pytest.raises(ValueError, match="no concept to compare; name some of below, late, background"):
        imap_fast.compare(one, other, concepts=[])
    with pytest.raises(KeyError, match="no concept 'dog' is in both runs; there are 'late'"):
        comparison["dog"]


def test_what_only_one_run_has_is_named():
    other = replace(explained(), labels=("late", "dog", "background"), baseline_labels=None)
    comparison = imap_fast.compare(explained(), other)
    assert list(comparison.concepts) == ["late"]
    assert comparison.left_out == (("below",), ("dog",))


def test_only_what_differs_in_the_settings_is_told():
    one = explained(moving.make_maps(model="/a/one", top_k=5, versions={"torch": "2.0"}, nested={"a": {"b": 1}}))
    other = explained(moving.make_maps(model="/a/two", top_k=5, versions={"torch": "2.1"}, nested={"a": {"b": 2}}))
    other = replace(other, layers=(2, 7))
    found = imap_fast.compare(one, other, runs=[{"seed": 1, "command": "explain", "sha256": {"a": "1"}}, {"seed": 2}])
    assert found.settings == {
        "command": ("explain", None),
        "seed": (1, 2),
        "model": ("/a/one", "/a/two"),
        "torch": ("2.0", "2.1"),
        "nested a b": (1, 2),
        "layers": ([2, 5], [2, 7]),
    }


def test_where_a_video_was_cut_is_a_setting():
    def cut_at(frame: int) -> SaliencyMaps:
        shots = [
            {"first_frame": 0, "num_frames": frame, "seconds": 0.0},
            {"first_frame": frame, "num_frames": 17 - frame, "seconds": frame / 8},
        ]
        maps = explained()
        return replace(maps, settings=maps.settings | {"video": maps.settings["video"] | {"shots": shots}})

    assert imap_fast.compare(cut_at(8), cut_at(12)).settings == {"video cuts": ([1.0], [1.5])}


def test_what_are_no_two_runs_is_refused():
    maps = explained()
    for names in ("ab", ["a"], ["a", "a"], ["a", "b", "c"]):
        with pytest.raises(ValueError, match=r"names=.* are not those of two runs"):
            imap_fast.compare(maps, maps, names=names)
    with pytest.raises(ValueError, match="are not those of two runs"):
        imap_fast.compare(maps, maps, runs=[{}])
    with pytest.raises(TypeError, match=r"'maps\.npz' is no SaliencyMaps; read a file or a folder"):
        imap_fast.compare("maps.npz", maps)


def test_a_generated_video_is_compared_with_what_was_read_of_it():
    comparison = imap_fast.compare(moving.make_maps(), explained(), moving.make_clip())
    assert comparison["late"].correlation == pytest.approx(1)


def test_without_a_video_the_larger_size_counts():
    one, other = of_values(noise(17, 6, 10)), of_values(noise(17, 6, 10), height=48, width=80)
    assert imap_fast.compare(other, one).page.own_size == (96, 160)
    assert imap_fast.compare(other, one)["cat"].iou == 1


SHOTS = [{"first_frame": 0, "num_frames": 17, "seconds": 3.0}]


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (explained(sha256="0" * 64), explained(sha256="1" * 64), "different videos: the SHA-256 of its file is 0000"),
        (explained(), explained(make_maps(grid=(3, 5, 7)), num_frames=9), "the number of its frames is 17 and 9"),
        (explained(), explained(fps=30.0), "they have 8 and 30 frames a second"),
        (explained(), explained(start=3.0), "begin at 0 s and 3 s of the video; explain the same stretch twice"),
        (explained(), explained(shots=SHOTS), "begin at 0 s and 3 s of the video"),
        (
            make_maps(grid=(17, 5, 7), temporal_compression=1),
            explained(make_maps(grid=(3, 5, 7)), num_frames=9, height=80, width=112),
            "9 video frames give 9 latent frames, but the maps cover 17",
        ),
        (make_maps(grid=(3, 5, 7)), make_maps(grid=(4, 5, 7)), "they cover 9 and 13 frames"),
        (make_maps(videos=2), make_maps(), r"of 2 videos; compare one of them: maps.video\(0\)"),
        (make_maps(), make_maps(videos=2), "of 2 videos"),
        (make_maps(("a", "b")), make_maps(("c",)), "no concept is in both runs, which have 'a', 'b' and 'c'"),
        (
            make_maps(runs=[{"prompt": "a", "seed": 1}]),
            make_maps(runs=[{"prompt": "a", "seed": 2}]),
            "generated with other seeds or prompts",
        ),
        (explained(), explained(width=96), "different parts of the frames, at 96 × 160 and 96 × 96 pixels; give the"),
        (
            make_maps(motions=["running"]),
            make_maps(),
            "'alpaca' is shown by gramcol in one run and by imap in the other",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(one, other, says):
    with pytest.raises(ValueError, match=says) as error:
        imap_fast.compare(one, other)
    assert "\n" not in str(error.value)


def test_a_map_that_one_run_lacks_is_refused():
    lacking = replace(explained(), maps={"imap": explained().imap})
    for runs in ((lacking, explained()), (explained(), lacking)):
        with pytest.raises(ValueError, match="one of the two runs holds no gramcol, but imap; choose a map of both"):
            imap_fast.compare(*runs, map="gramcol")


def test_a_threshold_that_is_none_is_refused():
    with pytest.raises(ValueError, match="threshold=2 is none of"):
        imap_fast.compare(explained(), explained(), threshold=2)


def test_values_that_are_not_finite_are_refused():
    broken = explained()
    broken.imap[0, 0, 0, 0] = float("nan")
    for runs in ((broken, explained()), (explained(), broken)):
        with pytest.raises(ValueError, match="not finite"):
            imap_fast.compare(*runs)


def test_a_video_that_is_not_theirs_is_refused(tmp_path):
    moving.make_clip().save(tmp_path / "film.mp4")
    with pytest.raises(ValueError, match="is not the file that the maps were read from"):
        imap_fast.compare(explained(), explained(sha256="0" * 64), tmp_path / "film.mp4")
    with pytest.raises(ValueError, match="read from 17 frames, and this clip has 16"):
        imap_fast.compare(explained(), explained(), moving.make_clip().frames[:16])
