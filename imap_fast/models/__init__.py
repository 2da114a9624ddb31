"""Architectures that can be read, one file each. Another one is a line here and an `Adapter` of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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


def adapter_for(target: object) -> Adapter:
    """The adapter that knows where `target`, a pipeline or a bare transformer, keeps its queries, keys and outputs.

    Classes are matched by name, so that no architecture is imported before it is needed.

    Raises:
        TypeError: the class is none of the supported ones (they are listed).
    """
    # What torch.compile returns is a shell around the transformer.
    target = getattr(target, "_orig_mod", target)
    for ancestor in type(target).__mro__:
        if ancestor.__name__ in SUPPORTED:
            return import_module(f"imap_fast.models.{SUPPORTED[ancestor.__name__]}").Adapter(target)
    raise TypeError(f"{type(target).__name__} cannot be traced; supported are {', '.join(SUPPORTED)}")
