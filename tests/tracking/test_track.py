"""From places in latent frames to pixels of video frames, and to files."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.demo import world
from imap_fast.tracking.place import VISIBLE
from imap_fast.tracking.track import Track, track
from imap_fast.tracking.tracks import Tracks
from imap_fast.upsampling.interpolate import upsample_space
from imap_fast.upsampling.latent_time import LatentTime
from tests.tracking.test_place import bump

ALL = slice(0, 170), slice(0, 340)


def moving(columns, heights=None):
    """A bump in the middle of these columns, in patches of 17 × 17."""
    heights = heights or [1.0] * len(columns)
    return torch.cat([bump(x, 8.5, 1.5, height=height) for x, height in zip(columns, heights, strict=True)]).float()


def test_places_are_linear_between_the_latent_frames():
    found = track("ball", moving([5.5, 9.5, 7.5]), LatentTime(4, 1), 9, ALL, own=0)
    times = np.array([0, 2.5, 6.5])  # the means of the frames 0, 1 to 4 and 5 to 8
    assert found.x == pytest.approx(np.interp(np.arange(9), times, np.array([5.5, 9.5, 7.5]) * 20), abs=1e-3)
    assert found.y == pytest.approx([85] * 9, abs=1e-3)
    assert (found.seconds, found.visible) == (None, (True,) * 9)


def test_nothing_is_between_two_shots():
    time = LatentTime(4, 1, shots=((0, 5), (5, 5)))
    found = track("ball", moving([5.5, 6.5, 11.5, 10.5], [1, 1, 0.5, 0.5]), time, 10, ALL, own=0)
    assert found.x[:5] == pytest.approx([110, 118, 126, 130, 130], abs=1e-3)
    assert found.x[5:] == pytest.approx([230, 222, 214, 210, 210], abs=1e-3)
    assert found.confidence == pytest.approx([1] * 5 + [0.5] * 5, abs=1e-3)
    assert found.visible == (True,) * 5 + (False,) * 5


def test_a_region_is_visible_from_a_confidence_on():
    found = track("ball", moving([8.5, 8.5], [1, 0.4]), LatentTime(4, 1), 5, ALL, own=0)
    assert found.confidence == pytest.approx(np.interp(np.arange(5), [0, 2.5], [1, 0.4]), abs=1e-3)
    assert found.visible == tuple(each >= VISIBLE for each in found.confidence)
    assert set(found.visible) == {True, False}
    values = torch.zeros(2, 3, 4, dtype=torch.float64)
    values[:, 1, 1] = torch.tensor([1, VISIBLE], dtype=torch.float64)
    assert track("ball", values, LatentTime(4, 1), 5, ALL, own=0).visible == (True,) * 5


def test_the_frame_of_the_mark_is_what_others_are_compared_with():
    values, time = moving([8.5, 8.5], [0.5, 1]), LatentTime(4, 1)
    assert track("ball", values, time, 5, ALL, own=0).confidence[0] == 1
    assert track("ball", values, time, 5, ALL).confidence[0] == pytest.approx(0.5, abs=1e-3)


def test_a_place_is_where_the_map_is_drawn():
    """`upsample_space` draws a map as large as the video. The centre of the bump there is the place."""
    values = torch.nn.functional.pad(torch.tensor([[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]), (3, 6, 4, 2))
    found = track("ball", values, LatentTime(4, 1), 1, (slice(0, 90), slice(0, 144)))
    drawn = upsample_space(values, 90, 144)[0].double()
    x = (drawn.sum(0) * (torch.arange(144) + 0.5)).sum() / drawn.sum()
    y = (drawn.sum(1) * (torch.arange(90) + 0.5)).sum() / drawn.sum()
    assert (found.x[0], found.y[0]) == pytest.approx((x.item(), y.item()), abs=1e-3)
    assert (found.x[0], found.y[0]) == pytest.approx((4.5 * 12, 5.5 * 10), abs=1e-3)


def test_a_map_of_a_part_of_the_picture_is_in_its_pixels():
    values, time = moving([5.5, 9.5]), LatentTime(4, 1)
    whole = track("ball", values, time, 5, ALL)
    part = track("ball", values, time, 5, (slice(30, 115), slice(100, 440)))
    assert part.x == pytest.approx([100 + x for x in whole.x])
    assert part.y == pytest.approx([30 + y / 2 for y in whole.y])


@pytest.mark.slow
def test_a_map_of_the_mask_of_an_object_is_tracked_to_its_centre():
    """With the time and the grid of the demo model. Patches have 8 × 8 pixels."""
    apart, time = [], LatentTime(4, 1)
    for seed in range(6):
        for thing in world.sample(seed).objects:
            mask = torch.from_numpy(thing.mask).float()
            latent = torch.cat([mask[:1], mask[1:].unflatten(0, (6, 4)).mean(1)])
            found = track("it", torch.nn.functional.avg_pool2d(latent, 8), time, 25, (slice(0, 96), slice(0, 96)))
            assert all(found.visible)
            apart.append(np.stack([found.x, found.y], 1) - thing.centre)
    assert np.abs(np.mean(apart, axis=(0, 1))).max() < 2  # half a patch is 4
    assert np.linalg.norm(apart, axis=-1).mean() < 3


def some_tracks():
    def of(label, seconds):
        return Track(label, seconds, (1.5, 2.25), (3.0, -4.0), (1.0, 0.25), (True, False))

    return Tracks((of("ball", (0.5, 1.0)), of("=HYPERLINK(1)", None)), 2, 48, 64)


def test_tracks_are_found_by_label():
    tracks = some_tracks()
    assert tracks.labels == ("ball", "=HYPERLINK(1)")
    assert tracks["ball"] is tracks.tracks[0]
    assert [each.label for each in tracks] == list(tracks.labels)
    assert len(tracks) == 2
    with pytest.raises(KeyError, match="no track of 'cat'; there are those of 'ball', '=HYPERLINK"):
        tracks["cat"]


def test_a_file_is_written_whole_by_its_suffix(tmp_path):
    tracks = some_tracks()
    for suffix in ("json", "CSV"):
        tracks.save(tmp_path / "new" / f"tracks.{suffix}")
    text = (tmp_path / "new" / "tracks.json").read_text()
    assert text.endswith("}\n")
    record = json.loads(text)
    assert {name: record[name] for name in ("num_frames", "height", "width")} == {
        "num_frames": 2, "height": 48, "width": 64,
    }  # fmt: skip
    read = [
        Track(**{name: tuple(value) if isinstance(value, list) else value for name, value in each.items()})
        for each in record["tracks"]
    ]
    assert tuple(read) == tracks.tracks
    content = (tmp_path / "new" / "tracks.CSV").read_bytes().decode()
    assert list(csv.reader(io.StringIO(content, newline=""))) == [
        ["label", "frame", "seconds", "x", "y", "confidence", "visible"],
        ["ball", "0", "0.5", "1.5", "3.0", "1.0", "True"],
        ["ball", "1", "1.0", "2.25", "-4.0", "0.25", "False"],
        ["'=HYPERLINK(1)", "0", "", "1.5", "3.0", "1.0", "True"],
        ["'=HYPERLINK(1)", "1", "", "2.25", "-4.0", "0.25", "False"],
    ]
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_what_cannot_be_written_leaves_what_is_there(tmp_path):
    (tmp_path / "tracks.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"tracks are saved as \.json or \.csv, not 'tracks\.txt'"):
        some_tracks().save(tmp_path / "tracks.txt")
    nowhere = replace(some_tracks()["ball"], x=(float("nan"), 0.0))
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(some_tracks(), tracks=(nowhere,)).save(tmp_path / "tracks.json")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("tracks.txt", "mine")]


def test_seconds_are_those_that_are_given():
    found = track("ball", moving([5.5]), LatentTime(4, 1), 1, ALL, seconds=[np.float64(2.5)])
    assert found.seconds == (2.5,)
    assert {type(each[0]) for each in (found.seconds, found.x, found.y, found.confidence)} == {float}
