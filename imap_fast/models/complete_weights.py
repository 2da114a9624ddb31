"""Whether the files of a model have all of its weights."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any


def check_complete(part: str, source: str, info: Mapping[str, Any]) -> None:
    """Refuse a model of which libraries drew weights at random, and warn of weights that they left out.

    Args:
        part: what the model is in its pipeline.
        source: its folder or its Hugging Face id.
        info: what `from_pretrained` returns with `output_loading_info=True`.

    Raises:
        ValueError: a tensor is missing.
    """
    if missing := info["missing_keys"]:
        raise ValueError(f"the files of its {part} have no {_listed(missing)}")
    if unused := info["unexpected_keys"]:
        warnings.warn(
            f"the config of the {part} of {source} has no place for some of its weights ({_listed(unused)}), and they "
            "are not used; check that both belong together",
            stacklevel=2,
        )


def _listed(names: Collection[str]) -> str:
    """The first name, and the number of the others."""
    return min(names) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
