"""What the numbers of a map mean, in one sentence."""

from collections.abc import Collection, Mapping
from typing import Any

from imap_fast.render.heatmap import HIGH, LOW
from imap_fast.text.part import is_head, part_name

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

RANGE = f"from the {LOW:g}th to the {HIGH:g}th percentile of its values in this clip"
SCALE = f"; each concept is drawn on its own scale, {RANGE}."


def meaning(name: str, settings: Mapping[str, Any]) -> str:
    """Which map is shown, what its numbers are, and how they are drawn.

    Args:
        name: of the map.
        settings: how the maps were made.
    """
    part = part_name(settings)
    if is_head(settings):
        return f"Shown is {part}: {CONTRAST}{_softmax(settings)}{SCALE}"
    of_part = f" of {part}" if part else ""
    return f"Shown is {name}{of_part}: {MEANINGS[name]}{'' if name in REGIONS else _softmax(settings)}{SCALE}"


def meaning_by_concept(maps: Collection[str], settings: Mapping[str, Any]) -> str:
    """The same of several maps: of things, of motions and of regions.

    Args:
        maps: that are shown.
        settings: how the maps were made.
    """
    of_part = f" of {part}" if (part := part_name(settings)) else ""
    if settings.get("motions"):
        told = [
            f"motions by imap and other words by gramcol{of_part}: {CONTRAST}, of motions {MEAN} and of others {SUM}"
        ]
    else:
        told = [
            f"words by {name}{of_part}: {MEANINGS[name]}" for name in MEANINGS if name in maps and name not in REGIONS
        ]
    told[-1] += _softmax(settings)
    told += [f"regions by {name}{of_part}: {MEANINGS[name]}" for name in REGIONS if name in maps]
    return f"Shown are {'; '.join(told)}{SCALE}"


def _softmax(settings: Mapping[str, Any]) -> str:
    return SOFTMAX if settings.get("normalize") == "softmax" else ""
