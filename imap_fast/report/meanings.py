"""What the numbers of a map mean, in one sentence."""

from collections.abc import Mapping
from typing import Any

from imap_fast.render.heatmap import HIGH, LOW

MEAN, SUM = "averaged over the motion heads", "added up over all heads"
CONTRAST = "how much more a patch has to do with a concept than with the average text key, in standard deviations"
PRODUCT, COSINE = "the inner product of", "the cosine between"

MEANINGS = {
    "imap": f"{CONTRAST}, {MEAN}",
    "gramcol": f"{CONTRAST}, {SUM}",
    "cross_attention": f"{PRODUCT} a patch's query and the concept's key, averaged over all heads",
    "concept_attention": f"{PRODUCT} a patch's attention output and the concept's, {SUM}",
    "region_cosine": f"{COSINE} the attention outputs of a patch and of the region, averaged over all heads",
    "region_gram": f"{PRODUCT} the attention outputs of a patch and of the region, {SUM}",
    "region_qk_cosine": f"{COSINE} a patch's key and the region's query, averaged over all heads",
    "region_qk": f"{PRODUCT} a patch's key and the region's query, {SUM}",
}
"""The numbers of each map (docs/method.md, "Maps of a layer", "Baselines" and "Regions")."""

REGIONS = tuple(name for name in MEANINGS if name.startswith("region_"))
"""Maps without text keys, which no softmax over them changes."""

SOFTMAX = ", then put through a softmax over the text keys"


def meaning(name: str, settings: Mapping[str, Any]) -> str:
    """Which map is shown, what its numbers are, and how they are drawn.

    Args:
        name: of the map.
        settings: how the maps were made.
    """
    return f"Shown is {name}: {MEANINGS[name]}{_drawn({} if name in REGIONS else settings)}"


def meaning_by_concept(settings: Mapping[str, Any]) -> str:
    """The same of things by one map and motions by another."""
    shown = "Shown are motions by imap and all else by gramcol"
    return f"{shown}: {CONTRAST}, of motions {MEAN} and of all else {SUM}{_drawn(settings)}"


def _drawn(settings: Mapping[str, Any]) -> str:
    softmax = SOFTMAX if settings.get("normalize") == "softmax" else ""
    scale = f"from the {LOW:g}th to the {HIGH:g}th percentile of its values in this clip"
    return f"{softmax}; each concept is drawn on its own scale, {scale}."
