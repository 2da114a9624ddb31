"""Contact sheets: evenly spaced frames of a video, each above the same frame under the heatmap of a concept."""

import math
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.heatmap import apply_scales, heat_scales, overlay_heat, pale
from imap_fast.render.spacing import evenly_spaced
from imap_fast.render.text import text_strip
from imap_fast.upsampling.interpolate import neighbours
from imap_fast.video.read import read_clip

FRAMES, COLUMNS = 8, 4
"""The largest numbers of frames in a sheet, and of frames in a row."""

CELL_AREA = 64_000
"""Pixels of one frame. The sheet of a clip of 480 × 720 is then 1280 × 910, six tiles by the rule of OpenAI."""

LABEL_HEIGHT, SEAM, GAP = 26, 3, 8
"""Pixels of the label, of the line between a frame and its heatmap, and of the space between cells."""

BACKGROUND, LABEL = "#ffffff", "#44444c"

QUALITY = 90
"""Quality of the JPEG. A PNG would be several times as large."""


class ContactSheets:
    """The contact sheets of one run, whose video is read once.

    A sheet shows neither the concept nor the name of the map as text.

    Args:
        maps: saliency maps of one video.
        video: the file that the maps were read from, or that was generated with them.

    Attributes:
        frames: the numbers of the frames in a sheet.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is no video, or not the video of the maps.
    """

    def __init__(self, maps: SaliencyMaps, video: Path) -> None:
        source = maps.source_video(video if maps.settings.get("video") else read_clip(video))
        scale = math.sqrt(CELL_AREA / (source.height * source.width))
        height, width = (max(1, round(side * scale)) for side in (source.height, source.width))
        self.maps, self.frames = maps, evenly_spaced(source.num_frames, FRAMES)
        times = maps.frame_times(source.num_frames)
        self._neighbours = neighbours(times, source.num_frames, source.cuts).select(self.frames)
        stills = [
            picture.resized(height, width)
            for number, (picture, _) in enumerate(source.pictures())
            if number in self.frames
        ]
        self._pale = pale(np.stack(stills))
        labels = [text_strip(f"frame {frame}", LABEL_HEIGHT, width, LABEL, BACKGROUND) for frame in self.frames]
        seam = np.full((SEAM, width, 3), 255, np.uint8)
        self._above = [np.concatenate([label, still, seam]) for label, still in zip(labels, stills, strict=True)]

    def sheet(self, concept: str, map: str) -> Image.Image:
        """The sheet of one concept in one map, RGB: a row of frames, the same frames under the heatmap, and so on.

        Raises:
            AttributeError: an unknown map.
            KeyError: an unknown concept.
        """
        _, values = self.maps.select([concept], map)
        before, after, weight = self._neighbours
        scales = heat_scales(values)
        # Only the latent frames of the sheet are read, because the values may be on disk.
        early, late = (apply_scales(values[:, near], scales)[0] for near in (before, after))
        heatmaps = overlay_heat(self._pale, torch.lerp(early, late, weight[:, None, None]))
        cells = [np.concatenate(pair) for pair in zip(self._above, heatmaps, strict=True)]
        height, width = cells[0].shape[:2]
        columns, rows = min(COLUMNS, len(cells)), math.ceil(len(cells) / COLUMNS)
        sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), BACKGROUND)
        for number, cell in enumerate(cells):
            row, column = divmod(number, COLUMNS)
            sheet.paste(Image.fromarray(cell), (GAP + column * (width + GAP), GAP + row * (height + GAP)))
        return sheet


def jpeg(sheet: Image.Image) -> bytes:
    """A sheet as a JPEG."""
    content = BytesIO()
    sheet.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
