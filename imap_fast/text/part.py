"""What a part of maps is called, a single layer, step or head, and what a picture says of labels."""

from collections.abc import Mapping, Sequence
from typing import Any


def part_name(settings: Mapping[str, Any]) -> str:
    """Of what maps are a part, by their settings: "layer 2", "step 7", "layer 2 in step 7" or "head 3 of layer 1".

    Empty if they are whole.
    """
    part = settings.get("part") or {}
    if is_head(settings):
        layer, head = part["head"]
        return f"head {head} of layer {layer}"
    return " in ".join(f"{axis} {part[axis]}" for axis in ("layer", "step") if part.get(axis) is not None)


def is_head(settings: Mapping[str, Any]) -> bool:
    """Whether maps are of one head. Then each of them is its contrast."""
    return (settings.get("part") or {}).get("head") is not None


def said_of(labels: Sequence[str], maps: Sequence[str] | None, settings: Mapping[str, Any]) -> list[str]:
    """What a picture says of each label: its map where there are several, and of what the maps are a part.

    Args:
        labels: that are shown.
        maps: the name of the map of each. None: one shows all.
        settings: how the maps were made.
    """
    part = part_name(settings)
    if maps is None or is_head(settings):
        return [part] * len(labels)
    return [", ".join(filter(None, (name, part))) for name in maps]


def titled(labels: Sequence[str], said: Sequence[str]) -> list[str]:
    """The labels, each with what is said of it."""
    return [f"{label} ({of})" if of else label for label, of in zip(labels, said, strict=True)]
