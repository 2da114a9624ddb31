"""`compare`: two runs on one video, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from imap_fast.comparing.comparison import ComparedConcept, Comparison
from imap_fast.comparing.differences import differences, settings_of
from imap_fast.comparing.measures import correlation, mask_iou, temporal_iou
from imap_fast.comparing.same_video import refuse_different_videos
from imap_fast.comparing.shared_concepts import shared_labels, shared_map
from imap_fast.comparing.shared_grid import Placed, shared_grid
from imap_fast.comparing.shared_video import SharedVideo, shared_video
from imap_fast.maps.report_data import report_data
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.masks.threshold import OTSU_TWICE, check_threshold
from imap_fast.report.comparison import ComparedRun, ComparisonData

NAMES = ("first", "second")


def compare(
    maps: SaliencyMaps,
    other: SaliencyMaps,
    video: Any = None,
    concepts: Sequence[str] | None = None,
    map: str | None = None,
    *,
    threshold: float | str = OTSU_TWICE,
    names: Sequence[str] = NAMES,
    runs: Sequence[Mapping[str, Any]] = ({}, {}),
) -> Comparison:
    """Compare the maps of two runs on one video, such as two checkpoints, two seeds or two settings.

    Maps are compared where both models saw the video, on the grid of the run with larger patches and fewer latent
    frames: the other maps are averaged by area, and interpolated in time (docs/compare.md).

    Args:
        maps: of one run.
        other: of the other run.
        video: the video that both were read from: a file, or as in `SaliencyMaps.overlay`. None: the page shows the
            maps on a plain ground.
        concepts: labels to compare. None: all that both have but the background.
        map: name of the map. None: that of each concept, `map_of`, which must be the same in both.
        threshold: of the masks of both, as in `SaliencyMaps.masks`.
        names: of the two runs on the page.
        runs: further facts about each run, such as those of `run.json`.

    Returns:
        the numbers, by label. Its `report` writes the page.

    Raises:
        KeyError: a label that the two runs do not share.
        TypeError: a threshold of another type, or what is no `SaliencyMaps`.
        ValueError: runs of different videos, maps of several videos, no concept in common, a map that one of them
            lacks, an impossible threshold, values that are not finite, a video that is not theirs, or names or facts
            of another number of runs.
    """
    threshold = check_threshold(threshold)
    for each in (maps, other):
        if not isinstance(each, SaliencyMaps):
            raise TypeError(f"{each!r} is no SaliencyMaps; read a file or a folder with SaliencyMaps.load")
    if isinstance(names, str) or len(set(names)) != 2 or len(names) != 2 or len(runs) != 2:
        raise ValueError(f"names={names!r} are not those of two runs; give two names, and facts about two runs or none")
    refuse_different_videos(maps, other)
    labels, left_out = shared_labels(maps, other, concepts, map)
    of = {label: shared_map(maps, other, label, map) for label in labels}
    both = maps, other
    shared = shared_video(maps, other, video)
    compared = _compared(both, of, shared, threshold)
    settings = [
        settings_of({**each.settings, "layers": each.layers, "steps": each.steps}, run)
        for each, run in zip(both, runs, strict=True)
    ]
    differ = differences(*settings)
    page = ComparisonData(
        [
            ComparedRun(name, report_data(each, run), *window)
            for name, each, run, window in zip(names, both, runs, shared.seen, strict=True)
        ],
        {label: asdict(concept) for label, concept in compared.items()},
        left_out,
        differ,
        threshold,
        shared.video,
        shared.num_frames,
        shared.own_size,
        shared.shown_size,
    )
    return Comparison(compared, left_out, differ, threshold, (names[0], names[1]), page)


def _compared(
    both: Sequence[SaliencyMaps], of: Mapping[str, str], shared: SharedVideo, threshold: float | str
) -> dict[str, ComparedConcept]:
    """How the maps of each label compare; `of` has the name of its map. One concept at a time is in memory."""
    to_shared = shared_grid(
        *(
            Placed(each.grid, *window, each.frame_times(shared.num_frames), each.time.cuts)
            for each, window in zip(both, shared.seen, strict=True)
        )
    )
    # Masks without a refinement need only the size of the video. This array takes the memory of one value.
    plain = np.broadcast_to(np.uint8(0), (shared.num_frames, *shared.own_size, 3))
    compared = {}
    for label, name in of.items():
        one, two = (
            bring(each.maps[name][each.index(label, name)]) for each, bring in zip(both, to_shared, strict=True)
        )
        first, second = (each.masks(plain, [label], name, threshold=threshold) for each in both)
        events, of_other = (each.events([label], name, num_frames=shared.num_frames) for each in both)
        agreements = [each.select_agreement([label], name) for each in both]
        compared[label] = ComparedConcept(
            name,
            correlation(one, two),
            mask_iou(first, second, *shared.seen_by_both),
            temporal_iou(events, of_other, label),
            *(None if each is None else each.item() for each in agreements),
        )
    return compared
