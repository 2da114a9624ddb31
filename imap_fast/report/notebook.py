"""How a result shows itself in a notebook: a small player and the grid.

User text never becomes markup: labels are drawn into the pictures.
"""

from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from imap_fast.video.clip import Clip

SHOWN = 6
"""The largest number of concepts. A prompt may have hundreds of tokens."""


def notebook_html(summary: str, map_name: str, overlay: Clip, grid: Figure) -> str:
    """HTML with a summary, the overlay as a video that plays, and the grid.

    Args:
        summary: one line of text about the maps.
        map_name: name of the map shown.
        overlay: the heatmaps over time.
        grid: the heatmaps side by side.
    """
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "heat.mp4"
        overlay.save(clip)
        video = b64encode(clip.read_bytes()).decode()
    picture = BytesIO()
    grid.savefig(picture, format="png", dpi=80)
    png = b64encode(picture.getvalue()).decode()
    return (
        f"<p><code>{escape(summary)}</code></p>"
        f'<video controls loop muted playsinline style="max-width: 100%" src="data:video/mp4;base64,{video}"></video>'
        f'<p><img alt="{escape(map_name)} of each concept, frame by frame" style="max-width: 100%" '
        f'src="data:image/png;base64,{png}"></p>'
    )
