"""Clips with points: which are read, and how their tracks are measured."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

import imap_fast
from imap_fast.cli import main
from imap_fast.evaluate import evaluate, point_clips
from imap_fast.evaluate.datasets import open_dataset
from imap_fast.evaluate.tracks import tracking
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.names import REGION_MAPS, WITHIN_FEATURES
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.bootstrap import estimate
from imap_fast.metrics.tracking import queries, track_scores
from imap_fast.video import Clip
from tests import tiny_wan
from tests.tiny import FRAMES, HEIGHT, WIDTH
from tests.video.media import draw_frames

SIZE = {"height": HEIGHT, "width": WIDTH}
SETTINGS = {"layers": [1], "top_k": 2, "steps": [20]}


def write(folder, name, points, visible, frames):
    """A clip and its points, which are shares of the picture."""
    folder.mkdir(exist_ok=True)
    Clip(frames, 8.0).save(folder / f"{name}.mp4")
    arrays = {"points": points.astype(np.float32), "occluded": (~visible).astype(np.uint8)}
    np.savez(folder / f"{name}.npz", **arrays, video=np.frombuffer(f"{name}.mp4".encode(), np.uint8))


def wandering(seed, num_frames=FRAMES):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.3, 0.7, (3, 1, 2)) + rng.normal(size=(3, num_frames, 2)).cumsum(1) / 50
    visible = rng.random((3, num_frames)) < 0.8
    visible[1, :4], visible[:, 4:6] = False, True
    return points, visible


@pytest.fixture
def folder(tmp_path):
    """Two clips. The second one is larger, wider than the model's picture, and has a frame too many."""
    write(tmp_path / "set", "a", *wandering(0), draw_frames(FRAMES, HEIGHT, WIDTH, seed=1))
    write(tmp_path / "set", "b", *wandering(1, FRAMES + 1), draw_frames(FRAMES + 1, 2 * HEIGHT, 2 * WIDTH + 20, seed=2))
    return tmp_path / "set"


def seen(folder, name):
    """Points in pixels of what the model sees, by hand."""
    points, visible = wandering(0) if name == "a" else wandering(1, FRAMES + 1)
    points = points.astype(np.float32).astype(np.float64)[:, :FRAMES]
    x, y = points.transpose(2, 0, 1)
    x = x * WIDTH if name == "a" else (x * (2 * WIDTH + 20) - 10) / 2
    return np.stack([x, y * HEIGHT], axis=-1), visible[:, :FRAMES]


@pytest.mark.parametrize("mode", ["first", "strided"])
def test_tracks_that_are_the_truth_score_1(pipeline, folder, monkeypatch, mode):
    clips = iter([clip for clip in "ab" for _ in REGION_MAPS])

    def truth(self, map):
        places, visible = seen(folder, next(clips))
        points, _ = queries(visible, mode)
        return [
            SimpleNamespace(x=x, y=y, visible=each)
            for (x, y), each in zip(places[points].mT, visible[points], strict=True)
        ]

    monkeypatch.setattr(SaliencyMaps, "tracks", truth)
    found = evaluate(pipeline, point_clips(folder, queries=mode), **SIZE, **SETTINGS)
    assert not found.failed
    assert found.methods == REGION_MAPS
    measures = found.estimates()["track"]
    assert list(measures) == [*(f"within_{n}" for n in (1, 2, 4, 8, 16)), "within", "jaccard", "occlusion_accuracy"]
    for name in REGION_MAPS:
        assert {(each[name].mean, each[name].clips) for each in measures.values()} == {(1.0, 2)}


@pytest.mark.parametrize("mode", ["first", "strided"])
def test_tracks_are_those_that_explain_gives(pipeline, folder, mode):
    """Each point is marked where it is in the frame of its query."""
    found = evaluate(pipeline, point_clips(folder, queries=mode), **SIZE, **SETTINGS)
    of_clips = {"within": [], "jaccard": [], "occlusion_accuracy": []}
    for name in "ab":
        places, visible = seen(folder, name)
        points, frames = queries(visible, mode)
        own = places if name == "a" else places * 2 + (10, 0)
        regions = {
            f"{n}": (frame / 8, *own[point, frame]) for n, (point, frame) in enumerate(zip(points, frames, strict=True))
        }
        video, arguments = folder / f"{name}.mp4", SIZE | SETTINGS | {"fps": "all", "maps": ["region_gram"]}
        tracks = imap_fast.explain(pipeline, video, "", regions=regions, **arguments).tracks()
        places_found = np.stack([np.stack([track.x, track.y], axis=1) for track in tracks])
        claimed = np.array([track.visible for track in tracks])
        scores = track_scores(places_found, claimed, places[points], visible[points], frames, (HEIGHT, WIDTH), mode)
        for measure, values in of_clips.items():
            values.append([getattr(scores, measure if measure == "occlusion_accuracy" else f"average_{measure}")])
    for measure, values in of_clips.items():
        got, expected = found.estimates()["track"][measure]["region_gram"], estimate(values)
        assert (got.mean, got.low, got.high) == pytest.approx((expected.mean, expected.low, expected.high))


@pytest.mark.filterwarnings("ignore:no shot begins")
@pytest.mark.parametrize("count", [1, 3, 5, 8, 9, 10, 13, 15])
@pytest.mark.parametrize("options", [{}, {"shots": [0.5]}, {"fps": 4.0}], ids=str)
def test_the_frames_covered_are_known_before(pipeline, count, options):
    clip = Clip(draw_frames(count, HEIGHT, WIDTH, seed=1))
    with Explainer(pipeline, "", ["a", "b"], **{"fps": "all"} | options | SIZE | SETTINGS) as explainer:
        known = explainer.frames_covered(clip)
        assert known == explainer.explain(clip).settings["video"]["num_frames"]


def test_a_model_without_queries_of_its_own_has_two_maps(folder):
    found = evaluate(tiny_wan.tiny_pipeline(), point_clips(folder).first(1), match="prompt", **SIZE, **SETTINGS)
    assert found.methods == WITHIN_FEATURES


@pytest.mark.slow
def test_the_command_measures_prints_and_resumes(tiny_folder, folder, tmp_path, capsys, monkeypatch):
    (tmp_path / "captions.json").write_text(json.dumps({"a": {"caption": "a cat"}, "b": {"caption": "a dog"}}))
    asked = ["eval", str(folder), "--model", str(tiny_folder), "--captions", str(tmp_path / "captions.json")]
    asked += ["--output", str(tmp_path / "out"), "--layers", "1", "--top-k", "2", "--height", str(HEIGHT)]
    asked += ["--width", str(WIDTH)]
    assert main([*asked, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["clips"]["measured"], record["worst"], record["options"]["queries"]) == (2, [], "first")
    jaccard = record["metrics"]["track"]["jaccard"]
    assert list(jaccard) == list(REGION_MAPS)
    assert jaccard["region_cosine"]["clips"] == 2
    monkeypatch.setattr("imap_fast.cli.eval_run.load_pipeline", None)  # nothing is measured again
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert re.search(r"tracks +1 px +2 px +4 px +8 px +16 px +δ +AJ +OA", told)
    assert f"{jaccard['region_cosine']['mean']:.2f}" in told
    assert main([*asked, "--queries", "strided"]) == 2
    assert "queries was 'first' and is 'strided'" in capsys.readouterr().err
    write(folder, "b", *wandering(2), draw_frames(FRAMES, HEIGHT, WIDTH, seed=2))
    assert main(asked) == 2
    assert "holds measurements of other files of the clip 'b'" in capsys.readouterr().err


def test_points_of_a_clip_that_begins_late_are_marked_at_its_times():
    marked = []

    def maps_of_regions(example, regions):
        marked.append({name: seconds for name, (seconds, *_) in regions.items()})
        raise LookupError("that is all")

    forward = SimpleNamespace(height=HEIGHT, width=WIDTH)
    reader = SimpleNamespace(forward=forward, maps_of_regions=maps_of_regions, frames_covered=lambda clip: FRAMES)
    points = np.full((2, FRAMES, 2), 9.0), np.arange(FRAMES) >= [[0], [3]]
    for start in (0.0, 10.0):
        clip = Clip(draw_frames(FRAMES, HEIGHT, WIDTH, seed=1), 8.0, start=start)
        with pytest.raises(LookupError):
            tracking(reader, SimpleNamespace(clip=clip, points=points, queries="first"))
    assert marked == [
        {"point 0": 0.0, "point 1": 0.375},
        {"point 0": 10.0, "point 1": 10.375},
    ]


def test_a_clip_whose_points_are_not_seen_is_left_out_and_named(pipeline, folder):
    write(folder, "c", np.full((2, FRAMES, 2), 0.5), np.zeros((2, FRAMES), bool), draw_frames(9, HEIGHT, WIDTH, seed=1))
    (folder / "d.npz").write_bytes(b"damaged")
    (folder / "._a.npz").write_bytes(b"of macOS")
    found = evaluate(pipeline, point_clips(folder), **SIZE, **SETTINGS)
    assert (list(found.rows), set(found.failed)) == (["a", "b"], {"c", "d"})
    assert found.failed["c"] == "no point is visible in what the model sees of the clip; omit it"
    assert found.failed["d"].startswith("d.npz is damaged or holds no points (")


def test_captions_choose_clips(folder, tmp_path):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"b": {"caption": "a dog"}}))
    data = open_dataset(str(folder), captions=path)
    assert (list(data.clips), data.clips["b"]().caption, data.of_points) == (["b"], "a dog", True)
    assert list(point_clips(folder / "b.npz").clips) == ["b"]
    assert point_clips(folder).clips["a"]().caption == ""


@pytest.mark.parametrize(
    ("captions", "told"),
    [
        ({"c": {"caption": "a cat"}}, "names the clip 'c', which"),
        ({"a": {"caption": 5}}, 'write \'a\' like {"caption": "a bear walks"}, in valid Unicode, not'),
        ({"a": "a cat"}, 'write \'a\' like {"caption": "a bear walks"}, in valid Unicode, not'),
        ({}, "has no clip with points; write them as docs/tap-vid.md does"),
    ],
)
def test_other_captions_are_told(folder, tmp_path, captions, told):
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    with pytest.raises(ValueError, match=re.escape(told)):
        point_clips(folder, captions=tmp_path / "captions.json")


def test_other_options_are_told(folder, tmp_path):
    with pytest.raises(ValueError, match="the query mode is 'second'; give one of first, strided"):
        point_clips(folder, queries="second")
    with pytest.raises(ValueError, match="queries are of points, and demo holds none; omit them"):
        open_dataset("demo", queries="first")
    with pytest.raises(ValueError, match="set holds points, and nothing is looked for; omit concepts"):
        open_dataset(str(folder), concepts=tmp_path / "concepts.json")
