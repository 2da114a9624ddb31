"""`ReadLayer`: what the attention of one layer has of one video."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from imap_fast.models.text_rows import TextRows


@dataclass(frozen=True, kw_only=True)
class ReadLayer:
    """One layer of one video, as a tapped block gives it to the reader.

    Attributes:
        layer: index of the block.
        video: index of the video.
        query: q of the visual tokens, `[A, N, d]`.
        features: o of the visual tokens, `[A, N, d]`.
        text: rows that are matched with the queries.
        concepts: rows of the baselines. The same rows as `text` if concepts have a stream of their own.
        visual_key: k of the visual tokens, `[A, N, d]`. None: visual tokens do not attend to each other here.
    """

    layer: int
    video: int
    query: Tensor
    features: Tensor
    text: TextRows
    concepts: TextRows
    visual_key: Tensor | None = None
