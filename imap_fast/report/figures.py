"""The still figures that a report offers for download."""

from collections.abc import Iterator
from io import BytesIO

import torch

from imap_fast.events.detect import curves_over_time, detect
from imap_fast.render.grid import agreement_notes, grid_of_stills
from imap_fast.render.heads import heads_figure
from imap_fast.render.timeline import timeline_figure
from imap_fast.report.data import ReportData
from imap_fast.report.video import EmbeddedVideo
from imap_fast.text.part import said_of, titled

MOST_CONCEPTS = 12
"""The largest number of concepts in a figure. With every token of a prompt it would be metres high."""


def figures(data: ReportData, video: EmbeddedVideo) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, media type and content of each figure.

    The grid is a JPEG: as a PNG it would be larger than everything else in the report.
    """
    shown = data.shown_first[:MOST_CONCEPTS]
    labels = [label for label, _, _ in shown]
    said = said_of(labels, None if data.shown_maps is None else [name for _, name, _ in shown], data.settings)
    values = [data.maps[name][1][place] for _, name, place in shown]
    agreements = data.agreements
    agreement = None if agreements is None else torch.stack([agreements[name][place] for _, name, place in shown])
    notes, titles = agreement_notes(labels, agreement, said), titled(labels, said)
    times, cuts = data.frame_times(video.num_frames), data.time.cuts
    curves = dict(zip(labels, curves_over_time(values), strict=True))
    events = detect(curves, dict.fromkeys(labels, ""), data.time, video.num_frames, None)
    spans = [events.frames_of(label) for label in labels]
    heads = heads_figure(data.head_scores, data.selected_heads, data.layers, data.head_score)
    drawn = {
        "grid.jpg": ("image/jpeg", grid_of_stills(video.stills, video.num_frames, labels, values, times, cuts, notes)),
        "timeline.svg": ("image/svg+xml", timeline_figure(titles, values, times, video.num_frames, cuts, spans)),
        "heads.svg": ("image/svg+xml", heads),
    }
    for name, (media_type, figure) in drawn.items():
        content = BytesIO()
        figure.savefig(content, format=name.partition(".")[2])
        yield name, media_type, content.getvalue()
