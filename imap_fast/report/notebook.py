"""How a result shows itself in a notebook: a small player and the grid.

No text of the user's becomes markup: labels are drawn into the pictures.
"""

from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

SHOWN = 6
"""Concepts at most; a prompt may have hundreds of tokens."""


def notebook_html(maps: "SaliencyMaps") -> str:
    """The heat of the first concepts over a plain ground, playing, and their grid; see `SaliencyMaps._repr_html_`."""
    first = maps.video(0)
    concepts = first.labels_of(first.default)[:SHOWN]
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "heat.mp4"
        first.overlay(concepts=concepts).save(clip)
        video = b64encode(clip.read_bytes()).decode()
    picture = BytesIO()
    first.grid_figure(concepts=concepts).savefig(picture, format="png", dpi=80)
    grid = b64encode(picture.getvalue()).decode()
    return (
        f"<p><code>{escape(repr(maps))}</code></p>"
        f'<video controls loop muted playsinline style="max-width: 100%" src="data:video/mp4;base64,{video}"></video>'
        f'<p><img alt="{escape(first.default)} of each concept, frame by frame" style="max-width: 100%" '
        f'src="data:image/png;base64,{grid}"></p>'
    )
