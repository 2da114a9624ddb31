"""The names of the maps."""

from collections.abc import Iterable, Mapping
from typing import Any

CONTRASTED = ("imap", "gramcol")
"""The method's own maps: contrasts over the text keys (docs/method.md, "Maps of a layer")."""

MAP_NAMES = (*CONTRASTED, "cross_attention", "concept_attention")
"""The maps of concepts, the two baselines last."""

WITHIN_FEATURES, BETWEEN_QUERIES = ("region_cosine", "region_gram"), ("region_qk_cosine", "region_qk")
REGION_MAPS = (*WITHIN_FEATURES, *BETWEEN_QUERIES)
"""The maps of regions: how alike each patch is to the marked ones, by the attention output o, or by q and k."""

UNIT_LENGTH = ("region_cosine", "region_qk_cosine")
"""Those of features that are scaled to unit length."""

ALL_MAPS = (*MAP_NAMES, *REGION_MAPS)
"""All maps of patches. The first one that a result has is its default."""

WITHOUT_STREAM = tuple(name for name in MAP_NAMES if name != "concept_attention")
"""The maps of a model without a concept stream."""

AGREEMENT, SPREAD = "agreement.", "spread."
"""Before the name of a map: its tensors in files that say how sure it is."""

FRAME_NUMBERS = "frame_numbers"
TIMES = ("seconds", FRAME_NUMBERS)
"""When latent frames are: in seconds, and in frames of the video if not all of them passed the model."""

KEPT = "kept."
"""Before the name of a map: its tensor of single layers and steps in files."""

SINGLE_HEADS = "single_heads"
"""The name of the maps of single heads in files."""

TEXT_ATTENTION = "text_attention"
"""How much concepts attend to each other: no map of patches, but made beside them."""

POSSIBLE_MAPS = (*ALL_MAPS, TEXT_ATTENTION)
"""What `maps` can name."""

AXES = ("layers", "steps")
"""What maps are means over, and what `keep` can name."""


def inside_names(maps: Iterable[str], settings: Mapping[str, Any]) -> set[str]:
    """The names of the arrays of single layers, steps and heads that a run has, by its settings."""
    kept = {KEPT + name for name in maps} if settings.get("keep") else set()
    return kept | ({SINGLE_HEADS} if settings.get("heads") else set())
