"""What the numbers of a map mean, in one sentence."""

from collections.abc import Mapping
from typing import Any

from imap_fast.render.heatmap import HIGH, LOW

CONTRAST = "how much more a patch has to do with a concept than with the average text key, in standard deviations"
PRODUCT = "the inner product of"

MEANINGS = {
    "imap": f"{CONTRAST}, averaged over the motion heads",
    "gramcol": f"{CONTRAST}, added up over all heads",
    "cross_attention": f"{PRODUCT} a patch's query and the concept's key, averaged over all heads",
    "concept_attention": f"{PRODUCT} a patch's attention output and the concept's, added up over all heads",
}
"""The numbers of each map (docs/method.md, "Maps of a layer" and "Baselines")."""

SOFTMAX = ", then put through a softmax over the text keys"


def meaning(name: str, settings: Mapping[str, Any]) -> str:
    """Which map is shown, what its numbers are, and how they are drawn.

    Args:
        name: of the map.
        settings: how the maps were made.
    """
    softmax = SOFTMAX if settings.get("normalize") == "softmax" else ""
    scale = f"from the {LOW:g}th to the {HIGH:g}th percentile of its values in this clip"
    return f"Shown is {name}: {MEANINGS[name]}{softmax}; each concept is drawn on its own scale, {scale}."
