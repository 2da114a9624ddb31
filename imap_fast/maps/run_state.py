"""How far a run has come: `state.safetensors` in its folder.

The file is replaced after everything that it names is on disk, and atomically. It holds a digest of each array as far
as it is committed, and one of itself, so that damage is found when it is read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from imap_fast.files import atomic_write
from imap_fast.maps.digest import digest_of
from imap_fast.maps.names import AGREEMENT, ALL_MAPS, SPREAD, TEXT_ATTENTION, TIMES, inside_names

STATE = "state.safetensors"

REPEATS = "repeats."
"""Before the name of a map: the sums over its final latent frames that `imap_fast.maps.agreement` needs."""

_PENDING = "pending."
"""Prefix of the names of pending tensors in the state file."""

_LONGEST_REASON = 200
"""Characters of a parser's message that an error quotes."""


class StoredArray(BaseModel):
    """What is committed of an array.

    Attributes:
        dtype: as NumPy writes it.
        shape: `[F, …]`.
        sha256: of the values, in C order.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: Literal["<f4", "<f8"]
    shape: list[PositiveInt] = Field(min_length=1)
    sha256: str


class ShotState(BaseModel):
    """How far a shot has come.

    Attributes:
        first_frame: its first video frame, among those that are read.
        seconds: the time of its first video frame.
        first_latent: its first latent frame.
        num_frames: the video frames that its finished windows cover.
        windows: the number of finished windows.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    first_frame: NonNegativeInt
    first_latent: NonNegativeInt
    seconds: float
    num_frames: NonNegativeInt = 0
    windows: NonNegativeInt = 0


class RunState(BaseModel):
    """How far a run has come.

    Attributes:
        options: what determines the result, as JSON values.
        windows: the number of finished windows.
        latent_frames: the number of final latent frames on disk.
        num_frames: the video frames up to the last one that a finished window covers.
        passed_fps: frames per second that pass the model. None: all frames pass.
        shots: those with a finished window. Runs of versions that knew no shots have none.
        windows_per_batch: None until it is decided.
        finished: whether the run is complete.
        record: everything of the result except its tensors; see `SaliencyMaps.record`.
        arrays: the arrays on disk, by name. They are empty if the run keeps everything in memory.
        tensors: `head_scores` and `votes`, summed over windows and noises. At the end, `head_scores` and
            `selected_heads`. If it is read, `text_attention`: the sum, and at the end the mean. With several noises
            also `repeats.<map>`, and at the end `agreement.<map>`.
        pending: the latent frames that follow the final ones and are not final yet; see
            `imap_fast.explaining.blending.Blender`. With several noises, `[F, N, …]` for each map. What is kept inside
            of maps is already their mean.
    """

    model_config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)

    options: dict[str, Any]
    windows: NonNegativeInt = 0
    latent_frames: NonNegativeInt = 0
    num_frames: NonNegativeInt = 0
    passed_fps: PositiveFloat | None = None
    shots: list[ShotState] = Field(default_factory=list)
    windows_per_batch: PositiveInt | None = None
    finished: bool = False
    record: dict[str, Any] = Field(default_factory=dict)
    arrays: dict[str, StoredArray] = Field(default_factory=dict)
    tensors: dict[str, Tensor] = Field(default_factory=dict, exclude=True)
    pending: dict[str, Tensor] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> RunState:
        if self.windows == 0:
            if (
                self.latent_frames
                or self.num_frames
                or self.shots
                or self.finished
                or self.record
                or self.tensors
                or self.pending
            ):
                raise ValueError("it has results of no window")
            return self
        maps, settings = self.record["maps"], self.record["settings"]
        times = {"seconds"} if self.passed_fps is None else {*TIMES}
        inside = inside_names(maps, settings)
        names, heads = {*maps, *times, *inside}, {"head_scores", "selected_heads" if self.finished else "votes"}
        of_text = {TEXT_ATTENTION} if settings.get(TEXT_ATTENTION) else set()
        has_noises = settings.get("repeats") is not None
        of_noises = {(AGREEMENT if self.finished else REPEATS) + name for name in maps} if has_noises else set()
        on_disk = names | {SPREAD + name for name in maps} if has_noises else names
        if not {*maps} <= {*ALL_MAPS} or self.arrays.keys() != (on_disk if self.latent_frames else set()):
            raise ValueError(f"it names the maps {sorted(names)} and the arrays {sorted(self.arrays)}")
        if any(array.shape[0] != self.latent_frames for array in self.arrays.values()):
            raise ValueError(f"arrays do not have {self.latent_frames} latent frames")
        if self.tensors.keys() != heads | of_noises | of_text or len({len(self.tensors[name]) for name in heads}) != 1:
            raise ValueError(f"it has no {' and '.join(sorted(heads | of_noises | of_text))} of the same layers")
        if self.pending.keys() != (set() if self.finished else names):
            raise ValueError(f"it has the pending maps {sorted(self.pending)}")
        if len({len(tensor) for tensor in self.pending.values()}) > 1:
            raise ValueError("pending maps have different lengths")
        for name, pending in self.pending.items():
            of_frame = pending.shape[2 if has_noises and name in maps else 1 :]
            continued = [array for array in (name, SPREAD + name) if array in self.arrays]
            if any(self.arrays[array].shape[1:] != list(of_frame) for array in continued):
                raise ValueError(f"pending {name} does not continue its array")
        return self


def write_state(folder: Path, state: RunState) -> None:
    """Replace the state in a folder, atomically."""
    record = json.dumps(state.model_dump())
    tensors = state.tensors | {f"{_PENDING}{name}": tensor for name, tensor in state.pending.items()}
    digest = digest_of(record, {name: tensor.numpy() for name, tensor in tensors.items()})
    # One entry: the order of several is not the same each time.
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"state": f"{digest}\n{record}"})
    with atomic_write(folder / STATE) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        # Without this, a power loss may leave the new name with an empty file.
        os.fsync(file.fileno())


def read_state(folder: Path) -> RunState:
    """Read the state in a folder.

    Raises:
        ValueError: it is damaged.
        OSError: it cannot be read.
    """
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            digest, _, record = file.metadata()["state"].partition("\n")
            # Clones, because the file is replaced while they are in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
        if digest != digest_of(record, {name: tensor.numpy() for name, tensor in tensors.items()}):
            raise ValueError("its content is not what was written")
        pending = {name: tensors.pop(name) for name in list(tensors) if name.startswith(_PENDING)}
        pending = {name.removeprefix(_PENDING): tensor for name, tensor in pending.items()}
        return RunState.model_validate({**json.loads(record), "tensors": tensors, "pending": pending})
    except OSError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, ": ".join([*map(str, first["loc"]), first["msg"]])) from error
    except Exception as error:  # whatever a parser raises about bytes
        raise damaged(path, str(error)) from error


def damaged(path: Path, reason: str) -> ValueError:
    """The error, in one line, of a file in the folder of a run that does not hold what was written."""
    reason = " ".join(reason.split())[:_LONGEST_REASON]
    return ValueError(f"{path} is damaged: {reason}; remove {path.parent} and run again")
