"""The maps of a step as HTML, while a video is made."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.live import heat_strips

FRAMES, MOST_PATCHES = 6, 64
"""How many latent frames are shown, and how many patches across each of them."""

MOST_CONCEPTS = 12
"""The largest number of concepts that are shown."""


def live_html(step: int, total: int, maps: SaliencyMaps) -> str:
    """The heat of each concept in some latent frames.

    Args:
        step: of the schedule, from 0, as in every picture of maps.
        total: the number of its steps.
        maps: of the steps so far.
    """
    labels, values = maps.views(maps.shown_labels[:MOST_CONCEPTS], None)
    strips = heat_strips(values, FRAMES, MOST_PATCHES)
    rows = "".join(
        f'<figure><figcaption>{escape(label)}</figcaption><img alt="" src="{_png(strip)}"></figure>'
        for label, strip in zip(labels, strips, strict=True)
    )
    return f'<div class="live"><p>Step {step} of 0–{total - 1}: the maps so far</p>{rows}</div>'


def _png(picture: np.ndarray) -> str:
    content = BytesIO()
    Image.fromarray(picture).save(content, "png")
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
