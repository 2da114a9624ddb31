"""Whether the files of a model have all of its weights."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any

from torch import nn


def check_complete(part: str, source: str, module: nn.Module, info: Mapping[str, Any]) -> None:
    """Refuse a model of which libraries drew weights at random, and warn of weights that they left out.

    Args:
        part: what the model is in its pipeline.
        source: its folder or its Hugging Face id.
        module: the model.
        info: what `from_pretrained` returns beside it with `output_loading_info=True`.

    Raises:
        ValueError: a tensor is missing.
    """
    # Of several files, diffusers believes the index, and leaves empty what they lack.
    empty = {name for name, tensor in module.state_dict().items() if tensor.is_meta}
    if missing := {*info["missing_keys"], *empty}:
        raise ValueError(f"the files of its {part} have no {_listed(missing)}")
    if unused := info["unexpected_keys"]:
        warnings.warn(
            f"the config of the {part} of {source} has no place for some of its weights ({_listed(unused)}), and they "
            "are not used; check that config and weights belong together",
            stacklevel=1,  # attributed to this package, whose warnings the command line shows
        )


def _listed(names: Collection[str]) -> str:
    """The first name, and the number of the others."""
    return min(names) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
