"""Options that several commands have, as dataclasses. `with_option_groups` makes each field an option of its own, and
gives each path and text of a command its parser.
"""

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from imap_fast.cli import options, values
from imap_fast.demo.shipped_model import best_settings
from imap_fast.maps.kinds import refuse_missing_maps
from imap_fast.maps.names import CONTRASTED


@dataclass(frozen=True, kw_only=True)
class LoadingOptions:
    """How the model is loaded. The fields are arguments of `load_pipeline`."""

    model: options.Model
    dtype: options.Dtype = "auto"
    device: options.Device = "auto"


@dataclass(frozen=True, kw_only=True)
class SmallGpuOptions(LoadingOptions):
    """The same, and how the model fits a small GPU."""

    memory: options.Memory = "auto"
    quantize: options.Quantize = "none"


@dataclass(frozen=True, kw_only=True)
class OptionalModelOptions:
    """`SmallGpuOptions` of a command that loads a model for some of its inputs alone."""

    model: options.OptionalModel = None
    dtype: options.Dtype = "auto"
    device: options.Device = "auto"
    memory: options.Memory = "auto"
    quantize: options.Quantize = "none"

    def of(self, model: str) -> SmallGpuOptions:
        """The options of a model that is loaded."""
        return SmallGpuOptions(**asdict(self) | {"model": model})


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What is read of a real video, and how it is encoded."""

    concepts_file: options.ConceptsFile = None
    start: options.Starts = None
    end: options.Ends = None
    stream: options.Stream = None
    num_frames: options.MaxFrames = None
    seed: options.Seed = 0
    vae: options.Vae = None


@dataclass(frozen=True, kw_only=True)
class TraceOptions:
    """How a trace reads the model."""

    match: options.Match = "concepts"
    layers: options.Layers = None
    steps: options.Steps = None
    surrogates: options.Surrogates = "argmax"
    head_score: options.HeadScore = "chi"
    top_k: options.TopK = None
    normalize: options.Normalize = "none"
    pooling: options.Pooling = "first"
    backend: options.Backend = "auto"
    attention_backend: options.AttentionBackend = None

    def trace_arguments(self, model: str) -> dict[str, Any]:
        """The arguments of `imap_fast.trace`. Layers and `top_k` default to the best values of the demo model.

        Raises:
            BadParameter: a list of indices that cannot be parsed.
        """
        defaults = best_settings() if model == "demo" else {"layers": None, "top_k": 5}
        return asdict(self) | {
            "layers": defaults["layers"] if self.layers is None else options.indices(self.layers, "--layers"),
            "steps": None if self.steps is None else options.indices(self.steps, "--steps"),
            "top_k": defaults["top_k"] if self.top_k is None else self.top_k,
        }


@dataclass(frozen=True, kw_only=True)
class ConceptOptions:
    """What to look for, and which maps to make of it."""

    concepts: options.Concepts = None
    motions: options.Motions = None
    maps: options.Maps = None
    no_background: options.NoBackground = False

    @property
    def made_maps(self) -> Sequence[str]:
        """The names of the maps of words.

        Raises:
            BadParameter: an unknown map.
        """
        return CONTRASTED if self.maps is None else options.map_names(self.maps)

    def words(self, match: str, file: Path | None = None, *, has_regions: bool = False) -> dict[str, list[str] | None]:
        """`concepts`, and `motions` if there are some, as arguments of `imap_fast.trace`.

        Args:
            match: of the trace.
            file: of concepts.
            has_regions: whether something is marked, beside which no words are needed.

        Raises:
            BadParameter, TypeError, ValueError: see `options.concept_words` and `options.motion_words`, or a map that
                motions need is not made.
        """
        concepts = options.concept_words(self.concepts, match, file, alone=self.motions is None and not has_regions)
        motions = options.motion_words(self.motions, concepts)
        refuse_missing_maps(motions, self.made_maps)
        return {"concepts": concepts} | ({"motions": motions} if motions else {})

    def trace_arguments(self) -> dict[str, Any]:
        """The arguments of `imap_fast.trace`, without the concepts and motions themselves.

        Raises:
            BadParameter: an unknown map.
        """
        maps = {} if self.maps is None else {"maps": options.map_names(self.maps)}
        return {**maps, "background": None if self.no_background else "background"}


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How a real video passes through the model."""

    height: options.Height = None
    width: options.Width = None
    window: options.Window = None
    overlap: options.Overlap = None
    shots: options.Shots = "auto"
    fps: options.Fps = None
    num_inference_steps: options.NumInferenceSteps = None
    windows_per_batch: options.WindowsPerBatch = "1"
    noises: options.Noises = 1

    def explain_arguments(self, model: str, steps: list[int] | None) -> dict[str, Any]:
        """The arguments of `imap_fast.explain`. `steps` defaults to the best step of the demo model.

        Raises:
            BadParameter: shots, a rate, or a number of windows, that cannot be parsed.
        """
        if model == "demo" and steps is None and self.num_inference_steps is None:
            steps = best_settings()["steps"]
        given = asdict(self)
        # Without it, the default is that of the function.
        if (fps := given.pop("fps")) is not None:
            given["fps"] = options.fps(fps)
        return given | {
            "steps": steps,
            "shots": options.shots(self.shots),
            "windows_per_batch": options.windows_per_batch(self.windows_per_batch),
        }


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command whose parameters include dataclasses the signature that Typer needs: one option for each field."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            field_hints = get_type_hints(groups[name], include_extras=True)
            parameters += [_parameter(field, _parsed(field_hints[field.name])) for field in fields(groups[name])]
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=_parsed(hints[name]), kind=kind))

    def flat(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**made, **given)

    wrapper: Any = functools.update_wrapper(flat, command)
    # What Typer reads. It would follow `__wrapped__` to the signature of the command.
    del wrapper.__wrapped__
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapper.__signature__ = inspect.Signature(parameters)
    return wrapper


def _parameter(field: Field, annotation: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parsed(annotation: Any) -> Any:
    """An annotation whose paths and texts are parsed by `imap_fast.cli.values`, so that no command checks its own."""
    kind, option = get_args(annotation)
    kinds = {kind, *get_args(kind), *(inner for outer in get_args(kind) for inner in get_args(outer))}
    parser = values.path if Path in kinds else values.text if str in kinds else None
    if parser is None:
        return annotation
    option = copy.copy(option)
    option.parser = parser
    return Annotated[kind, option]
