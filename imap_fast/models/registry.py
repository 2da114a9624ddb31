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
class Pipeline:
    """A pipeline of diffusers that is tested.

    Attributes:
        name: of the class.
        starts_from: what a run needs besides a prompt. None: nothing.
        explained: whether `explain` passes a real video through it.
    """

    name: str
    starts_from: str | None = None
    explained: bool = True


@dataclass(frozen=True)
class Architecture:
    """An architecture, without its code.

    Attributes:
        name: for people.
        transformer: name of the class of its transformer.
        pipelines: those that are tested. Other ones with this transformer are traced, too.
        has_concept_stream: whether concepts can be other words than those of the prompt.
        is_published: whether the published method reads it, and tests hold it against outputs of its implementation.
    """

    name: str
    transformer: str
    pipelines: tuple[Pipeline, ...]
    has_concept_stream: bool = False
    is_published: bool = False


ARCHITECTURES = {
    "cogvideox": Architecture(
        "CogVideoX 1.0 and 1.5",
        "CogVideoXTransformer3DModel",
        (
            Pipeline("CogVideoXPipeline"),
            Pipeline("CogVideoXImageToVideoPipeline", "an image"),
            Pipeline("CogVideoXVideoToVideoPipeline", "a video"),
            Pipeline("CogVideoXFunControlPipeline", "a control video", explained=False),
        ),
        has_concept_stream=True,
        is_published=True,
    ),
    "hunyuan_video": Architecture(
        "HunyuanVideo",
        "HunyuanVideoTransformer3DModel",
        (Pipeline("HunyuanVideoPipeline"), Pipeline("HunyuanVideoImageToVideoPipeline", "an image")),
        has_concept_stream=True,
        is_published=True,
    ),
    "hunyuan_video_15": Architecture(
        "HunyuanVideo 1.5",
        "HunyuanVideo15Transformer3DModel",
        (Pipeline("HunyuanVideo15Pipeline"), Pipeline("HunyuanVideo15ImageToVideoPipeline", "an image")),
        has_concept_stream=True,
    ),
    "hunyuan_video_framepack": Architecture(
        "HunyuanVideo Framepack",
        "HunyuanVideoFramepackTransformer3DModel",
        (Pipeline("HunyuanVideoFramepackPipeline", "an image"),),
        has_concept_stream=True,
    ),
    "wan": Architecture(
        "Wan 2.1 and 2.2",
        "WanTransformer3DModel",
        (
            Pipeline("WanPipeline"),
            Pipeline("WanImageToVideoPipeline", "an image"),
            Pipeline("WanVideoToVideoPipeline", "a video"),
        ),
        is_published=True,
    ),
    "wan_vace": Architecture("Wan VACE", "WanVACETransformer3DModel", (Pipeline("WanVACEPipeline"),)),
    "wan_animate": Architecture(
        "Wan Animate",
        "WanAnimateTransformer3DModel",
        (Pipeline("WanAnimatePipeline", "an image, a pose and a face", explained=False),),
    ),
    "skyreels_v2": Architecture(
        "SkyReels V2",
        "SkyReelsV2Transformer3DModel",
        (
            Pipeline("SkyReelsV2Pipeline"),
            Pipeline("SkyReelsV2ImageToVideoPipeline", "an image"),
            Pipeline("SkyReelsV2DiffusionForcingPipeline"),
            Pipeline("SkyReelsV2DiffusionForcingImageToVideoPipeline", "an image", explained=False),
        ),
    ),
    "chronoedit": Architecture(
        "ChronoEdit", "ChronoEditTransformer3DModel", (Pipeline("ChronoEditPipeline", "an image"),)
    ),
    "consisid": Architecture(
        "ConsisID",
        "ConsisIDTransformer3DModel",
        (Pipeline("ConsisIDPipeline", "an image and a face", explained=False),),
        has_concept_stream=True,
    ),
    "ltx": Architecture(
        "LTX-Video",
        "LTXVideoTransformer3DModel",
        (
            Pipeline("LTXPipeline"),
            Pipeline("LTXImageToVideoPipeline", "an image"),
            Pipeline("LTXConditionPipeline", explained=False),
        ),
    ),
    "mochi": Architecture("Mochi", "MochiTransformer3DModel", (Pipeline("MochiPipeline"),), has_concept_stream=True),
    "easyanimate": Architecture(
        "EasyAnimate",
        "EasyAnimateTransformer3DModel",
        (Pipeline("EasyAnimatePipeline"),),
        has_concept_stream=True,
    ),
    "ltx2": Architecture(
        "LTX-2",
        "LTX2VideoTransformer3DModel",
        (
            Pipeline("LTX2Pipeline"),
            Pipeline("LTX2ImageToVideoPipeline", "an image"),
            Pipeline("LTX2ConditionPipeline", explained=False),
        ),
    ),
    "kandinsky5": Architecture(
        "Kandinsky 5",
        "Kandinsky5Transformer3DModel",
        (Pipeline("Kandinsky5T2VPipeline"), Pipeline("Kandinsky5I2VPipeline", "an image")),
    ),
    "cosmos": Architecture(
        "Cosmos",
        "CosmosTransformer3DModel",
        (
            Pipeline("CosmosTextToWorldPipeline"),
            Pipeline("CosmosVideoToWorldPipeline", "an image", explained=False),
            Pipeline("Cosmos2VideoToWorldPipeline", "an image", explained=False),
        ),
    ),
}
"""By the module in this package that has their `Adapter`. A new architecture is added here."""

PIPELINES = {pipeline.name: pipeline for architecture in ARCHITECTURES.values() for pipeline in architecture.pipelines}
"""The pipelines by the names of their classes."""

MODULES = {
    name: module
    for module, architecture in ARCHITECTURES.items()
    for name in (architecture.transformer, *(pipeline.name for pipeline in architecture.pipelines))
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
