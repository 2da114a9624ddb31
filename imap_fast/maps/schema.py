"""The schema of a record: everything of a result except its tensors, as JSON values.

Known settings have a type and bounds, because pictures, reports and requests are made from them. Other settings may be
any JSON value.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from imap_fast.maps.allowed_values import CHOICES, MOST_PIXELS
from imap_fast.maps.kinds import missing_maps
from imap_fast.maps.names import ALL_MAPS, REGION_MAPS
from imap_fast.text.words import LONGEST_LABEL

Item = TypeVar("Item")

MOST_LABELS = 10_000
"""The largest number of labels."""

LONGEST_NAME, LONGEST_PROMPT = 1_000, 100_000
"""The largest numbers of characters in a name and in a prompt."""

MOST_LAYERS = MOST_HEADS = 1_000
"""The largest numbers of layers read, and of heads in a layer."""

MOST_COMPRESSION, MOST_PATCH = 16, 4
"""The largest number of video frames in a latent frame, and of latent frames in a patch. A few latent frames cannot
claim a video of millions of frames."""

DEEPEST = 16
"""The largest number of levels of nested settings."""

LARGEST = 2**64
"""Integers are smaller: a seed fits."""

LONGEST_MESSAGE = 200
"""The largest number of characters that an error quotes."""


def one_line(text: str) -> str:
    """The beginning of a text on one line, for an error."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _distinct(values: list[Item]) -> list[Item]:
    if len(set(values)) < len(values):
        raise ValueError("a value is there twice")
    return values


def _plain(value: object) -> object:
    """A JSON value of finite numbers of ordinary size and valid Unicode, which is not nested without end."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        for each in level:
            if isinstance(each, str):
                each.encode()  # UnicodeEncodeError is a ValueError
            elif isinstance(each, float) and not math.isfinite(each):
                raise ValueError(f"{each} is not finite")
            elif isinstance(each, int) and abs(each) >= LARGEST:
                raise ValueError("an integer has more than 64 bits")
        keys = [key for each in level if isinstance(each, dict) for key in each]
        values = [item for each in level if isinstance(each, dict) for item in each.values()]
        level = keys + values + [item for each in level if isinstance(each, list) for item in each]
        if not level:
            return value
    raise ValueError(f"values are nested deeper than {DEEPEST} levels")


Name = Annotated[str, Field(strict=True, max_length=LONGEST_NAME)]
Label = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_LABEL)]
Labels = Annotated[list[Label], Field(min_length=1, max_length=MOST_LABELS)]
Text = Annotated[str, Field(strict=True, max_length=LONGEST_PROMPT)]
Prompt = Text | list[Text] | None
Index = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Count = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
Indices = Annotated[list[Index], Field(min_length=1), AfterValidator(_distinct)]
Digest = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Field(strict=True, ge=1, le=MOST_PIXELS)]
Seed = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**64)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]
FramesPerSecond = Annotated[float, Field(strict=True, ge=1e-6, le=1e6)]  # as in imap_fast.video.rate


class _Object(BaseModel):
    """A JSON object that may have further entries."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_plain)]] = Field(init=False)


class ShotRecord(_Object):
    """A shot of a video: its first frame, the number of frames that the maps cover, and the time of the first one."""

    first_frame: Index
    num_frames: Count
    seconds: Seconds


class Video(_Object):
    """What `explain` read."""

    num_frames: Count
    height: Side
    width: Side
    fps: FramesPerSecond | None = None
    passed_fps: FramesPerSecond | None = None
    windows: Count | None = None
    window: Count | None = None
    overlap: Index | None = None
    gaps: list[tuple[Seconds, Seconds | None]] = []
    start: Seconds | None = None
    end: Seconds | None = None
    stream: Index | None = None
    shots: list[ShotRecord] | None = None
    sha256: Digest | None = None

    @model_validator(mode="after")
    def _has_possible_shots(self) -> "Video":
        """Fewer frames pass than there are. The shots follow each other from frame 0 on, and end with the last one."""
        if self.passed_fps is not None and self.fps is not None and self.passed_fps >= self.fps:
            raise ValueError(f"passed_fps must be below the {self.fps:g} frames per second of the video")
        if self.shots is not None:
            begins = [shot.first_frame for shot in self.shots] + [self.num_frames]
            ends = [shot.first_frame + shot.num_frames for shot in self.shots]
            left = [begin - end for end, begin in zip(ends, begins[1:], strict=True)]
            # Fewer frames than a latent frame covers are left between two shots, of those that passed the model.
            most = MOST_COMPRESSION * MOST_PATCH if self.passed_fps is None else self.num_frames
            seconds = [shot.seconds for shot in self.shots]
            if begins[0] != 0 or not all(0 <= frames < most for frames in left) or left[-1]:
                raise ValueError(f"shots must follow each other from frame 0 to {self.num_frames}")
            if any(later <= earlier for earlier, later in pairwise(seconds)):
                raise ValueError("the seconds of shots must ascend")
        return self


class Run(_Object):
    """A run of a pipeline that was read."""

    prompt: Prompt = None
    seed: Seed | list[Seed] | None = None


class RegionRecord(_Object):
    """A marked part of one frame: a point `[x, y]`, a box `[left, top, right, bottom]`, or the digest of a mask."""

    seconds: Annotated[Seconds, Field(ge=0)]
    point: tuple[Seconds, Seconds] | None = None
    box: tuple[Seconds, Seconds, Seconds, Seconds] | None = None
    mask: Digest | None = None
    size: tuple[Side, Side] | None = None
    latent_frame: Index | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> "RegionRecord":
        if sum(part is not None for part in (self.point, self.box, self.mask)) != 1:
            raise ValueError("must be one of point, box and mask")
        if (self.mask is None) != (self.size is None):
            raise ValueError("must have a size if it is a mask")
        return self


class Part(_Object):
    """Of what the maps are, if they are a part: of a layer, of a step, of a layer in a step, or of `[layer, head]`."""

    layer: Index | None = None
    step: Index | None = None
    head: tuple[Index, Index] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Part":
        if (self.layer is None and self.step is None) == (self.head is None):
            raise ValueError("must be a layer, a step or both, or a head")
        return self


class Repeats(_Object):
    """The repeats of the maps: noises, or the steps or runs of a trace."""

    of: Literal["noises", "steps", "runs"]
    count: Annotated[Count, Field(ge=2)]


class Settings(_Object):
    """How the maps were made. Entries may be missing."""

    model: Name | None = None
    prompt: Prompt = None
    runs: list[Run] | None = None
    repeats: Repeats | None = None
    motions: Annotated[Labels, AfterValidator(_distinct)] | None = None
    match: str = "concepts"
    surrogates: str = "argmax"
    backend: str = "auto"
    fast_attention: StrictBool | None = None
    attention_backend: Name | None = None
    head_score: str = "chi"
    top_k: Annotated[int, Field(strict=True, ge=1, le=MOST_HEADS)] | None = None
    motion_heads: list[list[Index]] | None = None
    normalize: str = "none"
    pooling: str = "first"
    temporal_compression: Annotated[int, Field(strict=True, ge=1, le=MOST_COMPRESSION)] | None = None
    patch_size_t: Annotated[int, Field(strict=True, ge=1, le=MOST_PATCH)] | None = None
    rest_in_first_latent: StrictBool | None = None
    num_inference_steps: Count | None = None
    versions: dict[Name, Name] | None = None
    keep: Annotated[list[Literal["layers", "steps"]], Field(min_length=1), AfterValidator(_distinct)] | None = None
    heads: Annotated[list[tuple[Index, Index]], Field(min_length=1), AfterValidator(_distinct)] | None = None
    text_attention: StrictBool | None = None
    part: Part | None = None
    regions: Annotated[dict[Label, RegionRecord], Field(min_length=1, max_length=MOST_LABELS)] | None = None
    video: Video | None = None

    # `runs` of a trace is a choice of runs, and here it is what they were.
    @field_validator(*(name for name in CHOICES if name != "runs"))
    @classmethod
    def _is_possible(cls, value: str, info: ValidationInfo) -> str:
        possible = CHOICES[str(info.field_name)]
        if value not in possible:
            raise ValueError(f"must be one of {', '.join(possible)}, not {value!r}")
        return value


class Record(BaseModel):
    """Everything of a result except its tensors; see `MapValues`."""

    model_config = ConfigDict(extra="forbid")

    maps: Annotated[list[str], AfterValidator(_distinct)]
    labels: Labels
    baseline_labels: Labels
    layers: Annotated[Indices, Field(max_length=MOST_LAYERS)]
    steps: Indices
    settings: Settings

    @field_validator("maps")
    @classmethod
    def _are_known(cls, maps: list[str]) -> list[str]:
        if not maps or not set(maps) <= set(ALL_MAPS):
            raise ValueError(f"must be some of {', '.join(ALL_MAPS)}, not {', '.join(maps) or 'none'}")
        return maps

    @model_validator(mode="after")
    def _can_show_motions(self) -> "Record":
        """Motions are labels, and there are the maps that show them and the other labels."""
        motions = self.settings.motions or []
        if unknown := [motion for motion in motions if motion not in self.labels]:
            raise ValueError(f"settings.motions has {unknown[0]!r}, which is none of the labels")
        if motions and (missing := missing_maps(self.maps)):
            raise ValueError(f"settings.motions needs the map {missing[0]}, which is not there")
        return self

    @model_validator(mode="after")
    def _has_regions(self) -> "Record":
        if {*REGION_MAPS} & {*self.maps} and not self.settings.regions:
            raise ValueError("settings.regions is missing, and there are maps of regions")
        return self

    @model_validator(mode="after")
    def _reads_the_layers_of_heads(self) -> "Record":
        for layer, _ in self.settings.heads or []:
            if layer not in self.layers:
                raise ValueError(f"settings.heads names the layer {layer}, which is none of the layers")
        return self


def check_record(record: Mapping[str, Any]) -> None:
    """Raise a ValueError of one line, which names the first entry that is wrong, unless `record` is a `Record`."""
    try:
        Record.model_validate(record)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error


def first_fault(error: ValidationError) -> str:
    """The first entry that does not fit a schema, and why, in one line."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # The names of types in a union are no entries.
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    return one_line(f"{place}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": "))
