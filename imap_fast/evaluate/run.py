"""The clips of a data set through a pipeline, and their maps against the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imap_fast.evaluate.evaluation import Evaluation
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.journal import Journal
from imap_fast.evaluate.localization import Row, localization
from imap_fast.evaluate.reader import Reader
from imap_fast.maps.saliency_maps import SaliencyMaps

RANDOM_HEADS = "random_heads"
"""The method that is `imap` but for its motion heads, which are drawn by chance, anew for each clip."""

UNREADABLE = (ValueError, OSError, SyntaxError)
"""What a broken clip raises; the last is Pillow's word for a broken PNG."""


def evaluate(
    pipe: object,
    dataset: DataSet,
    *,
    journal: Journal | None = None,
    seed: int = 0,
    explained: Callable[[str, Example, SaliencyMaps], None] = lambda name, example, maps: None,
    clip_done: Callable[[], None] = lambda: None,
    **explain_arguments: Any,
) -> Evaluation:
    """Measures where and when the maps find their concepts, and with what confidence.

    Every map that the architecture gives is measured, read in one pass of each clip, and `imap` with heads drawn by
    chance, in a second pass. `imap_fast.evaluate.localization` says what is measured. A clip that is broken is noted
    in `failed` and does not stop the others.

    Args:
        pipe: as in `imap_fast.explain`.
        dataset: see `imap_fast.evaluate.datasets`.
        journal: where clips are noted as they are done; those noted before are not repeated. None: in memory.
        seed: of the noise, and of the heads drawn by chance.
        explained: is told of each clip without truths, its name, itself and its maps: nothing else is made of them.
        clip_done: is called after each clip, done now or before.
        explain_arguments: any other argument of `imap_fast.explain`, but `maps`, `motion_heads` and `folder`.

    Raises:
        TypeError, ValueError: arguments that are not possible with this pipeline.
    """
    reader = Reader(pipe, seed, explain_arguments)
    rows: dict[str, list[Row]] = {}
    failed: dict[str, str] = {}
    for name, read in dataset.clips.items():
        if journal is not None and name in journal.rows:
            rows[name] = journal.rows[name]
            clip_done()
            continue
        try:
            example = reader.fitted(read())
            maps = reader.maps(example)
            found = []
            if example.truths:
                methods = {each: (maps, each) for each in maps.maps}
                methods[RANDOM_HEADS] = reader.maps_of_random_heads(example, name), "imap"
                found = localization(methods, example)
        except UNREADABLE as error:
            failed[name] = str(error)
        else:
            if not example.truths:
                explained(name, example, maps)
            rows[name] = found
            if journal is not None:
                journal.add(name, found)
        clip_done()
    return Evaluation(rows, failed, reader.record())
