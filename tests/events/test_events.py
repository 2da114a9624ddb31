"""`maps.events`: which concepts, in which frames, and when."""

import numpy as np
import pytest
import torch

from imap_fast.events.event import Event
from tests.render.synthetic import make_maps

LATENTS = 20


def maps_with(active: dict[str, range], **settings):
    """Maps on 20 latent frames: each concept is hot in a corner while it is active, over a little noise."""
    maps = make_maps(tuple(active), (LATENTS, 5, 8), **settings)
    for name, values in maps.maps.items():
        values.mul_(0.05)
        for number, span in enumerate(active.values()):
            values[number, list(span), :2, :3] += 5 if name == "imap" else -5
    return maps


def test_an_event_has_frames_and_of_a_known_rate_seconds():
    maps = maps_with({"jumping": range(5, 10), "table": range(0)})
    found = maps.events(fps=8)
    (event,) = found
    assert event == Event("jumping", 17 / 8, 37 / 8, 17, 36, event.confidence)
    assert 0.9 < event.confidence < 1
    assert found.labels == ("jumping", "table")
    assert found.steady == ("table",)
    assert found.of("jumping") == (event,)
    assert found.of("table") == ()
    assert (len(found), found[0], found.num_frames) == (1, event, 77)
    assert maps.events()[0] == Event("jumping", None, None, 17, 36, event.confidence)
    with pytest.raises(KeyError, match="no events of 'cat'; there are those of 'jumping', 'table'"):
        found.of("cat")


def test_events_are_in_order_of_time_and_then_of_concepts():
    maps = maps_with({"late": range(12, 16), "twice": [*range(2, 5), *range(12, 18)], "early": range(2, 6)})
    assert [(event.label, event.first_frame) for event in maps.events()] == [
        *(("twice", 5), ("early", 5)),
        *(("late", 45), ("twice", 45)),
    ]


def test_without_concepts_it_is_the_motions_or_all_but_the_background():
    active = {"cat": range(3, 8), "jumping": range(3, 8), "background": range(3, 8)}
    assert maps_with(active).events().labels == ("cat", "jumping")
    assert maps_with(active, motions=["jumping"]).events().labels == ("jumping",)
    assert maps_with(active, motions=["jumping"]).events(["background"]).labels == ("background",)
    assert maps_with({"background": range(3, 8)}).events().labels == ("background",)
    assert maps_with(active).events("cat").labels == ("cat",)


def test_it_is_of_the_map_that_is_named():
    maps = maps_with({"jumping": range(5, 10)})
    assert maps.events().maps == {"jumping": "imap"}
    other = maps.events(map="gramcol")
    assert other.maps == {"jumping": "gramcol"}
    assert [event.first_frame for event in other] != [17]
    with pytest.raises(AttributeError, match="hold no cross_attention"):
        maps.events(map="cross_attention")


def test_intervals_of_two_shots_that_touch_are_one():
    shots = [
        {"first_frame": 0, "num_frames": 37, "seconds": 10.0},
        {"first_frame": 38, "num_frames": 37, "seconds": 20.0},
    ]
    read = {"num_frames": 75, "height": 40, "width": 64, "fps": 8.0, "shots": shots}
    through, before = (maps_with({"jumping": span}, video=read) for span in (range(7, 13), range(7, 10)))
    (event,) = through.events()
    assert (event.first_frame, event.last_frame) == (25, 46)
    assert event.start == pytest.approx(10 + 25 / 8)
    assert event.end == pytest.approx(20 + (47 - 38) / 8)
    (event,) = before.events()
    assert (event.first_frame, event.last_frame) == (25, 37)
    assert event.end == 20


def test_confidence_is_higher_over_less_noise():
    maps = maps_with({"jumping": range(5, 10), "running": range(5, 10)})
    maps.imap[1] += torch.from_numpy(np.random.default_rng(0).normal(0, 1, (LATENTS, 1, 1)).astype(np.float32))
    plain, noisy = (maps.events(label)[0].confidence for label in maps.labels)
    assert 0 < noisy < plain < 1


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(KeyError, match="no concept 'cat'"):
        make_maps().events("cat")
    with pytest.raises(ValueError, match=r"2 videos.*maps\.video\(0\)\.events"):
        make_maps(videos=2).events()
    with pytest.raises(ValueError, match="13 video frames give 4 latent frames"):
        make_maps().events(num_frames=13)
    maps = maps_with({"jumping": range(5, 10)})
    maps.imap[0, 3, 1, 1] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        maps.events()
