"""`evaluate`: explains the clips of a data set, and measures their maps."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from imap_fast.evaluate.evaluation import Evaluation
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.journal import Journal
from imap_fast.evaluate.localization import Row, localization
from imap_fast.evaluate.reader import Reader
from imap_fast.evaluate.tracks import tracking
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.video.clip import Clip

RANDOM_HEADS = "random_heads"
"""A method like `imap`, but with random motion heads, drawn for each clip."""

UNREADABLE = (ValueError, OSError)
"""The errors of a damaged clip."""


def evaluate(
    pipe: Any,
    dataset: DataSet,
    *,
    journal: Journal | None = None,
    seed: int = 0,
    generate: Callable[[str, Example], tuple[Clip, SaliencyMaps]] | None = None,
    on_unmasked: Callable[[str, Example, SaliencyMaps], None] = lambda name, example, maps: None,
    on_clip_done: Callable[[], None] = lambda: None,
    **explain_arguments: Any,
) -> Evaluation:
    """Measure where and when the maps find their concepts, with confidence intervals.

    All maps of the architecture are read in one pass of each clip. In a second one, `imap` and `gramcol` are read with
    other surrogates (`imap_clip`, or `imap_argmax` where the others are soft), and in a third one `imap` with random
    heads. If there are motions, `by_concept` is `imap` of motions and `gramcol` of objects, from the first pass.
    `imap_fast.evaluate.localization` describes the measures. Of a clip with points, the tracks by each map of regions
    are measured, in one pass (`imap_fast.evaluate.tracks`). A damaged clip is reported in `failed`, and does
    not stop the others.

    Args:
        pipe: as in `imap_fast.explain`.
        dataset: see `imap_fast.evaluate.datasets`.
        journal: records finished clips, and skips those that are recorded. None: nothing is recorded.
        seed: seed of the noise and of the random heads.
        generate: gives the video and the maps of each clip that has no video, from its name and its example. None: such
            a clip is reported in `failed`.
        on_unmasked: called with the name, the example and the maps of each clip without ground truth.
        on_clip_done: called after each clip, also after those that are skipped.
        explain_arguments: any other argument of `imap_fast.explain` except `num_frames`, `maps`, `motion_heads` and
            `folder`. `fps` is `"all"` by default.

    Returns:
        The scores of all clips.

    Raises:
        TypeError, ValueError: arguments that are impossible with this pipeline, or clips in the journal whose files
            changed.
    """
    if journal is not None:
        journal.refuse_other_files(dataset)
    reader = Reader(pipe, seed, explain_arguments)
    rows: dict[str, list[Row]] = {}
    failed: dict[str, str] = {}
    for name, read in dataset.clips.items():
        if journal is not None and name in journal.rows:
            rows[name] = journal.rows[name]
            on_clip_done()
            continue
        try:
            files = dataset.digest(name)
            example = reader.prepared(read())
            maps, scores = None, list[Row]()
            if example.points is not None:
                scores = tracking(reader, example)
            elif example.video is None and generate is not None:
                clip, maps = generate(name, example)
                example = replace(example, video=clip)
            else:
                maps = reader.maps(example)
            if maps is not None and example.truths:
                methods = {each: (maps, each) for each in maps.maps}
                others = reader.maps_of_other_surrogates(example)
                methods |= {f"{each}_{reader.other_surrogates}": (others, each) for each in others.maps}
                methods[RANDOM_HEADS] = reader.maps_of_random_heads(example, name), "imap"
                scores = localization(methods, example)
            if dataset.digest(name) != files:
                raise ValueError("its files changed while they were read; run again")
        except UNREADABLE as error:
            failed[name] = str(error) if dataset.folder is None else str(error).replace(f"{dataset.folder}{os.sep}", "")
        else:
            if maps is not None and not example.truths:
                on_unmasked(name, example, maps)
            rows[name] = scores
            if journal is not None:
                journal.add(name, scores, files)
        on_clip_done()
    return Evaluation(rows, failed, reader.record())
