"""The timeline: saliency over time, and the figure."""

from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from imap_fast.render.palette import DEEP
from imap_fast.render.text import text_width
from imap_fast.render.timeline import LABEL_SIZE, STEADY, saliency_of_frames, saliency_over_time
from tests.render.synthetic import NASTY_LABELS, in_two_shots, make_maps


def test_a_small_hot_spot_makes_its_frame_salient():
    values = torch.zeros(1, 4, 10, 10)
    values[0, 1, :1, :5] = 1  # one patch in twenty
    values[0, 2] = 1
    values[0, 3, 0, :2] = 1
    torch.testing.assert_close(saliency_over_time(values), torch.tensor([[0, 1, 1, 0.4]]))


def test_latent_frames_have_the_times_of_their_video_frames():
    curve = saliency_of_frames(torch.tensor([[0.0, 1.0]]), torch.tensor([0.0, 2.5]).double(), 5)
    np.testing.assert_allclose(curve, [[0, 0.4, 0.8, 1, 1]])


def test_the_figure_has_a_curve_and_a_label_for_each_concept():
    maps = make_maps(grid=(3, 5, 7))
    maps.imap[1, 2] = 9
    chart, legend = maps.timeline(9, ["running", "grass"]).axes
    assert [label.get_text() for label in legend.texts] == ["running", STEADY, "grass", STEADY]
    for lines in (chart.lines[:2], legend.lines):
        assert [to_hex(line.get_color()) for line in lines] == list(DEEP[:2])
    np.testing.assert_allclose(chart.lines[0].get_xdata(), np.arange(9))
    saliency = saliency_of_frames(saliency_over_time(maps.imap[1:2]), maps.frame_times(9), 9)[0]
    np.testing.assert_allclose(chart.lines[0].get_ydata(), saliency)


def test_many_labels_are_below_each_other():
    labels = [f"concept {i}" for i in range(7)]
    _, legend = make_maps(labels, grid=(3, 2, 2)).timeline().axes
    places = [label.get_position() for label in legend.texts if label.get_text() != STEADY]
    assert len(set(places)) == 7
    assert [y for _, y in places] == [0.5] * 3 + [1.5] * 3 + [2.5]


def test_without_a_length_the_figure_is_as_long_as_can_be():
    assert make_maps(grid=(3, 2, 2)).timeline().axes[0].get_xlim() == (-0.5, 8.5)


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(KeyError, match="cat"):
        make_maps().timeline(concepts="cat")
    with pytest.raises(ValueError, match="13 video frames give 4 latent frames"):
        make_maps().timeline(13)
    with pytest.raises(ValueError, match=r"2 videos.*maps\.video\(0\)\.timeline"):
        make_maps(videos=2).timeline()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize("figure", ["grid_figure", "timeline", "heads"])
def test_every_figure_can_be_kept_in_every_form(figure, suffix, recwarn):
    content = BytesIO()
    getattr(make_maps(NASTY_LABELS, grid=(2, 3, 4)), figure)().savefig(content, format=suffix)
    assert content.getvalue().startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix])
    assert not recwarn.list


def test_no_curve_passes_a_cut_and_a_line_marks_it():
    maps = in_two_shots(labels=("running",))
    chart, _ = maps.timeline(15).axes
    first, second, _, mark = chart.lines
    assert first.get_xdata().tolist() == list(range(10))
    assert second.get_xdata().tolist() == list(range(10, 15))
    assert list(mark.get_xdata()) == [9.5, 9.5]
    curve = saliency_over_time(maps.imap)[0].numpy()
    # Frame 9 is not covered: it has the value of the last latent frame of its shot.
    np.testing.assert_allclose(first.get_ydata()[[0, 9]], curve[[0, 2]], rtol=1e-6)
    np.testing.assert_allclose(second.get_ydata()[[0, 4]], curve[[3, 4]], rtol=0.7)
    np.testing.assert_allclose(second.get_ydata()[0], curve[3], rtol=1e-6)


def test_bars_in_the_colour_of_a_concept_are_its_events_and_one_without_is_called_steady():
    maps = make_maps(grid=(20, 5, 8))
    maps.imap.mul_(0.05)
    maps.imap[1, [3, 4, 5, 12, 13], :2] += 5
    chart, legend = maps.timeline().axes
    assert [label.get_text() for label in legend.texts] == ["alpaca", STEADY, "running", "grass", STEADY]
    (bars,) = chart.collections
    assert to_hex(bars.get_facecolor()[0]) == DEEP[1]
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
    assert spans == [(event.first_frame - 0.5, event.last_frame + 0.5) for event in maps.events("running")]
    assert len(spans) == 2
    heights = [path.vertices[:, 1] for path in bars.get_paths()]
    assert chart.get_ylim()[0] < np.min(heights) < np.max(heights) < 0


def test_a_long_label_leaves_room_for_what_is_behind_it():
    _, legend = make_maps(["a concept with a name that is far too long " * 4, "b", "c"]).timeline().axes
    name, note, *_ = legend.texts
    assert name.get_text().endswith("…")
    assert note.get_text() == STEADY
    assert note.get_position()[0] + text_width(STEADY, LABEL_SIZE) < legend.lines[1].get_xdata()[0]
