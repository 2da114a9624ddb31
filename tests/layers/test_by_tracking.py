"""The layers whose maps of regions follow points best."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import imap_fast
from imap_fast.layers.by_tracking import choose_layers_by_tracking
from imap_fast.layers.follow import SingleLayerFollower
from imap_fast.maps.names import BETWEEN_QUERIES, REGION_MAPS, UNIT_LENGTH
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video import Clip
from tests.architectures import ARCHITECTURES
from tests.assertions import assert_close
from tests.precision import in_fp64
from tests.tiny import FRAMES, HEIGHT, WIDTH
from tests.video.media import draw_frames

PROMPT = "a red cat running on grass"
STEP = 20
SIZE = {"height": HEIGHT, "width": WIDTH}


@pytest.fixture
def frames():
    return draw_frames(FRAMES, HEIGHT, WIDTH, seed=1)


@pytest.fixture
def points():
    """Three points that wander. The second one is seen from the fourth frame on, and not in the seventh."""
    wandering = np.random.default_rng(4).normal(size=(3, FRAMES, 2)).cumsum(1)
    visible = np.ones((3, FRAMES), bool)
    visible[1, [0, 1, 2, 6]] = False
    return np.array([[10, 8], [24, 20], [40, 9]])[:, None] + wandering, visible


def choose(pipeline, videos, points, **arguments):
    arguments = {"step": STEP} | SIZE | arguments
    return choose_layers_by_tracking(pipeline, videos, [PROMPT] * len(videos), points, **arguments)


@pytest.fixture
def made(monkeypatch):
    """The maps that are measured: those of each layer's heads, and then those of the layer, `[Q, N]` each."""
    made, scores = [], SingleLayerFollower._scores

    def spy(self, maps):
        made.append(maps.clone())
        return scores(self, maps)

    monkeypatch.setattr(SingleLayerFollower, "_scores", spy)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", REGION_MAPS)
def test_each_layer_is_as_if_it_were_read_alone(architecture, frames, points, made, name):
    pipeline, match = in_fp64(architecture.pipeline()), "prompt" if architecture.prompt_only else "concepts"
    if architecture.prompt_only and name in BETWEEN_QUERIES:
        with pytest.raises(ValueError, match=f"{name} is not possible"):
            choose(pipeline, [frames], [points], map=name)
        return
    choice = choose(pipeline, [frames], [points], map=name)
    places, asked = points[0], points[1].argmax(1)
    regions = {f"{n}": (frame / 8, *places[n, frame].tolist()) for n, frame in enumerate(asked)}
    arguments = SIZE | {"steps": [STEP], "top_k": 2, "match": match, "maps": [name]}
    for layer in range(3):
        maps = imap_fast.explain(pipeline, frames, PROMPT, regions=regions, layers=[layer], **arguments).maps[name]
        assert_close(made[5 * layer + 4] / (4 if name in UNIT_LENGTH else 1), maps.flatten(1), 1e-5)
    assert choice.layers == tuple(sorted(np.argsort(-choice.jaccard.numpy(), kind="stable")[:2].tolist()))
    assert (choice.step, choice.map, choice.head_jaccard.shape) == (STEP, name, (3, 4))


@pytest.mark.parametrize(("name", "scales"), [("region_cosine", True), ("region_gram", False)])
def test_each_head_is_compared_alone(pipeline, frames, points, made, monkeypatch, name, scales):
    """Its own features of the patch of a point, with those of all patches."""
    read, read_layer = [], SingleLayerFollower._read_layer

    def spy_layer(self, layer):
        read.append(F.normalize(layer.features, dim=-1) if scales else layer.features.clone())
        read_layer(self, layer)

    monkeypatch.setattr(SingleLayerFollower, "_read_layer", spy_layer)
    choice = choose(pipeline, [frames], [points], map=name)
    places, visible = points
    tokens = []
    for of_point, seen in zip(places, visible, strict=True):
        frame = seen.argmax()
        column, row = (of_point[frame] / 16).astype(int)
        tokens.append((frame + 3) // 4 * 6 + row * 3 + column)
    expected = [each @ each[:, tokens].mT for each in read]  # of each layer, [A, N, Q]
    for layer, of_heads in enumerate(expected):
        together, *heads = made[5 * layer + 4], *made[5 * layer : 5 * layer + 4]
        assert_close(torch.stack(heads), of_heads.mT, 1e-4)
        assert_close(together, of_heads.mT.sum(0), 1e-4)
    assert len(made) == 3 * 5
    assert choice.head_jaccard.shape == (3, 4)


def test_tracks_that_are_the_truth_score_1_whatever_the_size_and_rate_of_the_video(pipeline, points, monkeypatch):
    """Twice as large, wider than the model's picture, and twice as many frames per second."""
    places, visible = points
    tracks = [SimpleNamespace(x=x, y=y, visible=seen) for (x, y), seen in zip(places.mT, visible, strict=True)]
    truth = iter(tracks * 3 * (1 + 4))  # of each layer and its heads
    asked = []

    def fake(_, values, time, num_frames, seen, *, own):
        asked.append((list(values.shape), time, num_frames, seen, own))
        return next(truth)

    monkeypatch.setattr("imap_fast.layers.follow.track", fake)
    between = np.full_like(places, 5)
    every = np.stack([places, between], axis=2).reshape(3, 2 * FRAMES, 2)
    clip = Clip(draw_frames(2 * FRAMES, 2 * HEIGHT, 2 * WIDTH + 20, seed=1), fps=16.0)
    choice = choose(pipeline, [clip], [(every * 2 + (10, 0), visible.repeat(2, axis=1))])
    assert choice.jaccard.tolist() == choice.within.tolist() == [1.0] * 3
    assert choice.head_jaccard.tolist() == [[1.0] * 4] * 3
    assert choice.layers == (0, 1)  # the earlier ones of equals
    assert next(truth, None) is None
    # Frame 3, in which the second point is first seen, is in the latent frame of 1 to 4.
    seen = slice(0, HEIGHT), slice(0, WIDTH)
    assert asked == [([3, 2, 3], LatentTime(4, 1), FRAMES, seen, own) for own in (0, 1, 0)] * 15


def test_a_right_place_that_is_said_to_be_hidden_is_within_and_no_hit(pipeline, frames, points, monkeypatch):
    tracks = iter([SimpleNamespace(x=x, y=y, visible=np.zeros(FRAMES, bool)) for x, y in points[0].mT] * 3 * (1 + 4))
    monkeypatch.setattr("imap_fast.layers.follow.track", lambda *_, **__: next(tracks))
    choice = choose(pipeline, [frames], [points])
    assert (choice.jaccard.tolist(), choice.within.tolist()) == ([0.0] * 3, [1.0] * 3)
    assert choice.head_jaccard.tolist() == [[0.0] * 4] * 3


def test_all_is_the_mean_over_videos(pipeline, frames, points):
    videos = [frames, frames[::-1].copy()]
    choice, *apart = choose(pipeline, videos, [points] * 2), *(choose(pipeline, [video], [points]) for video in videos)
    for found in (lambda c: c.jaccard, lambda c: c.within, lambda c: c.head_jaccard):
        assert torch.equal(found(choice), torch.stack([found(each) for each in apart]).mean(0))
        assert not torch.equal(*map(found, apart))


def test_the_noise_is_that_of_the_generator(pipeline, frames, points, made):
    for generator in (None, torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)):
        choose(pipeline, [frames], [points], generator=generator)
    unset, same, other = torch.stack(made).unflatten(0, (3, -1))
    assert torch.equal(unset, same)
    assert not torch.equal(unset, other)


def test_a_point_a_little_outside_of_the_picture_is_followed_from_its_edge(pipeline, frames, points):
    places, visible = points[0].copy(), points[1]
    places[0, 0], places[2, 0] = (-0.4, 8), (WIDTH + 0.2, HEIGHT + 0.3)
    choice = choose(pipeline, [frames], [(places, visible)])
    places[0, 0], places[2, 0] = (0, 8), (WIDTH, HEIGHT)
    assert torch.equal(choice.head_jaccard, choose(pipeline, [frames], [(places, visible)]).head_jaccard)


def test_what_is_impossible_is_told(pipeline, frames, points):
    places, visible = points
    with pytest.raises(ValueError, match=r"1 videos, 1 prompts, 2 points: give at least one video, with a prompt and"):
        choose(pipeline, [frames], [points] * 2)
    with pytest.raises(ValueError, match="0 videos"):
        choose(pipeline, [], [])
    with pytest.raises(ValueError, match="'imap' is no map of regions; give one of region_cosine, region_gram"):
        choose(pipeline, [frames], [points], map="imap")
    with pytest.raises(ValueError, match=r"step 50 is outside .*; give 0 to 49"):
        choose(pipeline, [frames], [points], step=50)
    with pytest.raises(ValueError, match=r"points are \[3, 8, 2\] and bool \[3, 9\]; the video needs \[N, T, 2\]"):
        choose(pipeline, [frames], [(places[:, :8], visible)])
    once = np.zeros_like(visible)
    once[:, 3] = True
    with pytest.raises(ValueError, match="video 2: no point is visible in two of the 9 frames that the model sees"):
        choose(pipeline, [frames, frames], [points, (places, once)])


def test_a_prompt_of_numbers_has_no_region_among_its_tokens(frames, points):
    """Wan is read with every token of the prompt, and each is a label."""
    pipeline = ARCHITECTURES["wan"].pipeline()
    choice = choose_layers_by_tracking(pipeline, [frames], ["0 1 2"], [points], height=HEIGHT, width=WIDTH)
    assert choice.jaccard.isfinite().all()


def test_a_step_is_a_whole_number(pipeline, frames, points):
    with pytest.raises(ValueError, match=r"step 2\.5 is outside the schedule"):
        choose(pipeline, [frames], [points], step=2.5)


def test_points_may_be_lists(pipeline, frames, points):
    places, visible = points
    found, expected = (choose(pipeline, [frames], [of]) for of in ((places.tolist(), visible.tolist()), points))
    assert torch.equal(found.jaccard, expected.jaccard)
