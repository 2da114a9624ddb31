"""The supported architectures, by the names of their classes."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import import_module
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter


@dataclass(frozen=True)
class Architecture:
    """An architecture, without its code.

    Attributes:
        name: for people.
        transformers: names of the classes of its transformer.
        pipelines: names of the pipelines that are tested.
        explained: those of them that `explain` passes a real video through.
        has_concept_stream: whether concepts can be other words than those of the prompt.
        is_published: whether it is tested on outputs of the published implementation of the method.
    """

    name: str
    transformers: tuple[str, ...]
    pipelines: tuple[str, ...]
    explained: tuple[str, ...]
    has_concept_stream: bool = False
    is_published: bool = False


ARCHITECTURES = {
    "cogvideox": Architecture(
        name="CogVideoX 1.0 and 1.5",
        transformers=("CogVideoXTransformer3DModel",),
        pipelines=(
            "CogVideoXPipeline",
            "CogVideoXImageToVideoPipeline",
            "CogVideoXVideoToVideoPipeline",
            "CogVideoXFunControlPipeline",
        ),
        explained=("CogVideoXPipeline", "CogVideoXImageToVideoPipeline", "CogVideoXVideoToVideoPipeline"),
        has_concept_stream=True,
        is_published=True,
    ),
    "hunyuan_video": Architecture(
        name="HunyuanVideo",
        transformers=("HunyuanVideoTransformer3DModel",),
        pipelines=("HunyuanVideoPipeline", "HunyuanVideoImageToVideoPipeline"),
        explained=("HunyuanVideoPipeline", "HunyuanVideoImageToVideoPipeline"),
        has_concept_stream=True,
        is_published=True,
    ),
    "wan": Architecture(
        name="Wan 2.1 and 2.2",
        transformers=("WanTransformer3DModel",),
        pipelines=("WanPipeline", "WanImageToVideoPipeline", "WanVideoToVideoPipeline"),
        explained=("WanPipeline", "WanImageToVideoPipeline", "WanVideoToVideoPipeline"),
        is_published=True,
    ),
    "wan_vace": Architecture(
        name="Wan VACE",
        transformers=("WanVACETransformer3DModel",),
        pipelines=("WanVACEPipeline",),
        explained=("WanVACEPipeline",),
    ),
    "wan_animate": Architecture(
        name="Wan 2.2 Animate",
        transformers=("WanAnimateTransformer3DModel",),
        pipelines=("WanAnimatePipeline",),
        explained=(),
    ),
    "skyreels_v2": Architecture(
        name="SkyReels V2",
        transformers=("SkyReelsV2Transformer3DModel",),
        pipelines=(
            "SkyReelsV2Pipeline",
            "SkyReelsV2ImageToVideoPipeline",
            "SkyReelsV2DiffusionForcingPipeline",
            "SkyReelsV2DiffusionForcingImageToVideoPipeline",
        ),
        explained=("SkyReelsV2Pipeline", "SkyReelsV2ImageToVideoPipeline", "SkyReelsV2DiffusionForcingPipeline"),
    ),
    "chronoedit": Architecture(
        name="ChronoEdit",
        transformers=("ChronoEditTransformer3DModel",),
        pipelines=("ChronoEditPipeline",),
        explained=("ChronoEditPipeline",),
    ),
    "consisid": Architecture(
        name="ConsisID",
        transformers=("ConsisIDTransformer3DModel",),
        pipelines=("ConsisIDPipeline",),
        explained=(),
        has_concept_stream=True,
    ),
}
"""By the module in this package that has their `Adapter`. A new architecture is added here."""

MODULES = {
    name: module
    for module, architecture in ARCHITECTURES.items()
    for name in (*architecture.pipelines, *architecture.transformers)
}
"""The modules by the names of the classes."""


def adapter_for(target: Any) -> Adapter:
    """The adapter of a pipeline or a bare transformer.

    Classes are compared by name, so that no architecture is imported before it is needed. A pipeline that is not known
    is traced if its transformer is.

    Raises:
        TypeError: the class is not supported. The error names the nearest one that is.
    """
    # torch.compile returns a wrapper around the transformer.
    target = getattr(target, "_orig_mod", target)
    transformer = getattr(target, "transformer", None)
    module = _module_of(target) or _module_of(getattr(transformer, "_orig_mod", transformer))
    if module is None:
        name = type(target).__name__
        raise TypeError(
            f"{name} is none of the pipelines and models that `imap-fast models` lists; the nearest is {_nearest(name)}"
        )
    return import_module(f"imap_fast.models.{module}").Adapter(target)


def _nearest(name: str) -> str:
    """The supported class whose name begins like this one, and is most like it."""

    def likeness(known: str) -> tuple[int, float]:
        begin = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, known, strict=False)))
        return begin, SequenceMatcher(None, name, known).ratio()

    return max(MODULES, key=likeness)


def _module_of(model: Any) -> str | None:
    """The module of a class, or of one that it is derived from."""
    return next((MODULES[ancestor.__name__] for ancestor in type(model).__mro__ if ancestor.__name__ in MODULES), None)
