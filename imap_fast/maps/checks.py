"""Checks of the tensors of a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from imap_fast.maps.names import AGREEMENT, KEPT, SINGLE_HEADS, SPREAD, TEXT_ATTENTION
from imap_fast.maps.schema import one_line
from imap_fast.upsampling.latent_time import LatentTime

MOST_BURST = 1000
"""How many times more frames a stretch of a video may have than its mean rate says, as in a recording of a screen."""


def check_tensor(name: str, values: Tensor, dtype: torch.dtype) -> None:
    """Raise TypeError unless a tensor has this dtype and is on the CPU."""
    if values.dtype != dtype or values.device.type != "cpu":
        raise TypeError(f"{name} must be {dtype} on the CPU, not {values.dtype} on {values.device}")


def check_repeats(
    maps: Mapping[str, Tensor], agreements: Mapping[str, Tensor] | None, spreads: Mapping[str, Tensor] | None
) -> None:
    """Check that there is an agreement, and a spread, for each of the maps or for none.

    Raises:
        TypeError: a tensor has another dtype or is not on the CPU.
        ValueError: a missing or unknown map, a wrong shape, or an agreement outside of [0, 1].
    """
    for prefix, by_name in ((AGREEMENT, agreements), (SPREAD, spreads)):
        if by_name is None:
            continue
        if by_name.keys() != maps.keys():
            raise ValueError(
                f"there is a tensor {prefix}<map> for each of {', '.join(maps)} or for none, not for "
                f"{one_line(', '.join(by_name)) or 'none'}"
            )
        for name, values in by_name.items():
            check_tensor(f"{prefix}{name}", values, torch.float32)
            shape = maps[name].shape
            expected = shape if prefix == SPREAD else shape[:-3]
            if values.shape != expected:
                raise ValueError(f"{prefix}{name} {list(values.shape)} must be {list(expected)}")
            # A comparison with NaN is false.
            if prefix == AGREEMENT and not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{prefix}{name} must be numbers from 0 to 1")


def check_inside(
    maps: Mapping[str, Tensor],
    kept: Mapping[str, Tensor] | None,
    single_heads: Tensor | None,
    axes: tuple[int, int] | None,
    heads: int,
    concepts: int,
) -> None:
    """Check the maps of single layers, steps and heads.

    Args:
        maps: by name, `[C, F, H, W]` or `[V, C, F, H, W]`.
        kept: `[L, S, C, F, H, W]` of each map, or None.
        single_heads: `[P, C, F, H, W]`, or None.
        axes: the L layers and S steps that the settings keep; 1 of an axis that is not kept. None: none is kept.
        heads: the number P of single heads in the settings.
        concepts: the number of labels.

    Raises:
        TypeError: a tensor has another dtype or is not on the CPU.
        ValueError: a tensor is missing, is not in the settings, or has a wrong shape.
    """
    names = set() if axes is None else {*maps}
    if (kept or {}).keys() != names:
        given = one_line(", ".join(kept or {})) or "none"
        raise ValueError(f"settings.keep needs kept maps of {', '.join(sorted(names)) or 'none'}, not of {given}")
    for name, values in (kept or {}).items():
        check_tensor(f"{KEPT}{name}", values, torch.float32)
        shape = maps[name].shape
        expected = (*shape[:-4], *(axes or ()), *shape[-4:])
        if values.shape != expected:
            raise ValueError(f"{KEPT}{name} {list(values.shape)} must be {list(expected)}")
    if (single_heads is None) != (heads == 0):
        raise ValueError(f"settings.heads names {heads} single heads, and {SINGLE_HEADS} does not hold their maps")
    if single_heads is not None:
        check_tensor(SINGLE_HEADS, single_heads, torch.float32)
        shape = next(iter(maps.values())).shape
        expected = (*shape[:-4], heads, concepts, *shape[-3:])
        if single_heads.shape != expected:
            raise ValueError(f"{SINGLE_HEADS} {list(single_heads.shape)} must be {list(expected)}")


def check_single_heads(heads: Iterable[Sequence[int]], count: int) -> None:
    """Raise ValueError if the settings name a head that a layer of `count` heads does not have."""
    for _, head in heads:
        if head >= count:
            raise ValueError(f"settings.heads names the head {head}, and a layer has {count}")


def check_text_attention(values: Tensor | None, is_read: bool, shape: tuple[int, ...]) -> None:
    """Check that there is a text attention of this shape if the settings say so.

    Raises:
        TypeError: it has another dtype or is not on the CPU.
        ValueError: it is missing, is not in the settings, or has another shape.
    """
    if (values is not None) != is_read:
        raise ValueError(f"one of {TEXT_ATTENTION} and settings.{TEXT_ATTENTION} is missing")
    if values is not None:
        check_tensor(TEXT_ATTENTION, values, torch.float32)
        if values.shape != shape:
            raise ValueError(f"{TEXT_ATTENTION} {list(values.shape)} must be {list(shape)}")


def check_times(name: str, times: Tensor, frames: int) -> None:
    """Raise TypeError or ValueError unless `times` are fp64 `[F]` of F latent `frames`, and never decrease."""
    check_tensor(name, times, torch.float64)
    if times.shape != (frames,):
        raise ValueError(f"{name} {list(times.shape)} must have one entry for each of {frames} frames")
    if not times.isfinite().all() or (times.diff() < 0).any():
        raise ValueError(f"{name} must be finite numbers that never decrease")


def check_frame_times(times: Tensor, time: LatentTime, read: Mapping[str, Any]) -> None:
    """Check where latent frames are in a video of which not all frames passed the model.

    Args:
        times: `LatentTime.frame_times`.
        time: of a real video.
        read: what `explain` read.

    Raises:
        ValueError: a latent frame is outside of its shot, or few of them claim a long video, which would take long to
            draw.
    """
    if time.numbers is None or time.num_frames is None:
        return
    if not 0 <= times[0] <= times[-1] < time.num_frames or 0 in time.latents_of_shots(len(times)):
        raise ValueError("a latent frame is outside of its shot")
    ratio = (read.get("fps") or 1) / read["passed_fps"]
    most = len(times) * time.temporal_compression * time.patch_size_t * ratio * MOST_BURST
    if time.num_frames > most:
        raise ValueError(f"{time.num_frames} frames are too many for {len(times)} latent frames")
