"""The HTML of a result in a notebook."""

import io
import re
from base64 import b64decode
from html.parser import HTMLParser

import pytest
from PIL import Image

from imap_fast.video import read_clip
from tests.render.synthetic import NASTY_LABELS, make_maps

HOSTILE = ("</script><img src=x onerror=alert(1)>", '" onload="alert(1)', *NASTY_LABELS)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, sorted(name for name, _ in attributes)))


@pytest.mark.slow
@pytest.mark.parametrize("videos", [None, 2])
def test_it_is_a_player_and_the_grid(tmp_path, videos):
    html = make_maps(grid=(3, 4, 6), videos=videos)._repr_html_()
    video, picture = (b64decode(data) for data in re.findall(r"base64,([^\"]+)", html))
    (tmp_path / "heat.mp4").write_bytes(video)
    frames = read_clip(tmp_path / "heat.mp4").frames
    assert len(frames) == 9
    assert frames.std() > 10
    assert Image.open(io.BytesIO(picture)).width > 400


def test_labels_are_never_markup():
    tags = Tags()
    tags.feed(make_maps(HOSTILE, grid=(2, 3, 4))._repr_html_())
    assert tags.found == [
        ("p", []),
        ("code", []),
        ("video", ["controls", "loop", "muted", "playsinline", "src", "style"]),
        ("p", []),
        ("img", ["alt", "src", "style"]),
    ]
