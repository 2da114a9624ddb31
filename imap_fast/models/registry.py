"""The supported architectures, by the names of their classes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter

SUPPORTED = {
    "CogVideoXPipeline": "cogvideox",
    "CogVideoXImageToVideoPipeline": "cogvideox",
    "CogVideoXVideoToVideoPipeline": "cogvideox",
    "CogVideoXFunControlPipeline": "cogvideox",
    "CogVideoXTransformer3DModel": "cogvideox",
    "HunyuanVideoPipeline": "hunyuan_video",
    "HunyuanVideoImageToVideoPipeline": "hunyuan_video",
    "HunyuanVideoTransformer3DModel": "hunyuan_video",
    "WanPipeline": "wan",
    "WanImageToVideoPipeline": "wan",
    "WanVideoToVideoPipeline": "wan",
    "WanTransformer3DModel": "wan",
}
"""The module in this package that has the `Adapter` of a class. A new architecture is added here."""


def adapter_for(target: Any) -> Adapter:
    """The adapter of a pipeline or a bare transformer.

    Classes are compared by name, so that no architecture is imported before it is needed.

    Raises:
        TypeError: the class is not supported. The error lists the supported ones.
    """
    # torch.compile returns a wrapper around the transformer.
    target = getattr(target, "_orig_mod", target)
    for ancestor in type(target).__mro__:
        if ancestor.__name__ in SUPPORTED:
            return import_module(f"imap_fast.models.{SUPPORTED[ancestor.__name__]}").Adapter(target)
    raise TypeError(f"{type(target).__name__} cannot be traced; supported are {', '.join(SUPPORTED)}")
