"""Known points, in the frames and in the pixels that a model sees."""

import numpy as np
import pytest

from imap_fast.tracking.known import KnownPoints
from imap_fast.video import resize_and_crop


@pytest.mark.parametrize(("own", "seen"), [((40, 90), (32, 48)), ((64, 40), (32, 48)), ((16, 24), (32, 48))])
def test_a_point_is_where_its_pixels_are_after_the_crop(own, seen):
    place = own[1] / 2 + 4.5, own[0] / 2 - 2.5
    picture = np.zeros((1, *own, 3), np.uint8)
    picture[0, int(place[1]) - 1 : int(place[1]) + 2, int(place[0]) - 1 : int(place[0]) + 2] = 255
    shown = resize_and_crop(picture, *seen)[0, ..., 0].astype(float)
    rows, columns = np.indices(shown.shape) + 0.5
    middle = (shown * columns).sum() / shown.sum(), (shown * rows).sum() / shown.sum()
    known = KnownPoints(np.array([[place]]), np.array([[True]])).seen(own, seen)
    assert known.places[0, 0] == pytest.approx(middle, abs=0.1)
    assert known.visible.all()


def test_what_is_cropped_away_is_not_visible():
    """90 × 40 pixels are seen as 48 × 32: of the width, 60 are left, from the 15th one on."""
    x = [14.9, 15.0, 74.9, 75.0, 40.0, 40.0]
    y = [20.0, 20.0, 20.0, 20.0, -0.5, 20.0]
    known = KnownPoints(np.stack([x, y], axis=-1)[None], np.array([[True] * 5 + [False]])).seen((40, 90), (32, 48))
    # Of the height all is left: a point that was annotated beyond its edge stays.
    assert known.visible.tolist() == [[False, True, True, False, True, False]]


def test_frames_are_those_of_the_numbers():
    places, visible = np.arange(20.0).reshape(2, 5, 2), np.array([[True, False, True, False, True]] * 2)
    known = KnownPoints(places, visible).at([0, 3])
    assert known.places.tolist() == [[[0, 1], [6, 7]], [[10, 11], [16, 17]]]
    assert known.visible.tolist() == [[True, False]] * 2
    others = (places[:, :4], visible), (places, visible.astype(int)), (places, visible[0]), (places[..., :1], visible)
    for wrong in (*others, (places[0], visible[0])):
        with pytest.raises(ValueError, match=r"the video needs \[N, T, 2\] and bool \[N, T\] of at least 4 frames"):
            KnownPoints(*wrong).at([0, 3])
    with pytest.raises(ValueError, match="of at least 6 frames"):
        KnownPoints(places, visible).at([0, 5])
