"""Checks of the shapes, dtypes and devices of tensors. Values are never checked: that would synchronize the device."""

import torch

FEATURE_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def check_features(**tensors: torch.Tensor) -> tuple[int, int]:
    """Check that every tensor is `[heads, rows, head dim]` with the heads, head dim, dtype and device of the first.

    Returns:
        The number of heads, and the head dim.

    Raises:
        TypeError: a dtype that the operations do not support, or different dtypes.
        ValueError: a wrong number of dimensions, an empty dimension, or different sizes or devices.
    """
    (first, reference), *_ = tensors.items()
    for name, tensor in tensors.items():
        if tensor.dtype not in FEATURE_DTYPES:
            raise TypeError(f"{name} is {tensor.dtype}; cast it to float64, float32, float16 or bfloat16")
        if tensor.dim() != 3:
            raise ValueError(f"{name} has shape {list(tensor.shape)}; pass one video as [heads, rows, head dim]")
        if 0 in tensor.shape:
            raise ValueError(f"{name} has shape {list(tensor.shape)}; every dimension needs at least one entry")
        if tensor.dtype != reference.dtype:
            raise TypeError(f"{name} is {tensor.dtype} but {first} is {reference.dtype}; cast them to one dtype")
        if (tensor.shape[0], tensor.shape[2]) != (reference.shape[0], reference.shape[2]):
            raise ValueError(
                f"{name} has shape {list(tensor.shape)} but {first} has {list(reference.shape)}; "
                "heads and head dim must agree"
            )
        check_device(name, tensor, first, reference)
    return reference.shape[0], reference.shape[2]


def check_frames(name: str, features: torch.Tensor, frames: int) -> int:
    """Check that the rows of `features` fill all frames, and return the number of patches in a frame."""
    tokens = features.shape[1]
    if frames < 1 or tokens % frames:
        raise ValueError(
            f"{name} has {tokens} visual tokens, which is not a whole number of patches in each of {frames} frames; "
            "pass the visual tokens alone (no text rows) and the number of latent frames"
        )
    return tokens // frames


def check_surrogates(surrogates: torch.Tensor, features: torch.Tensor) -> tuple[int, int]:
    """Check that surrogates are indices, or tokens `[heads, keys, frames, head dim]` that fit the `features`.

    Returns:
        The numbers of text keys and frames.
    """
    if surrogates.dim() != 4:
        return check_surrogate_index(surrogates, features)
    heads, _, dim = features.shape
    if surrogates.dtype != features.dtype:
        raise TypeError(f"surrogates are {surrogates.dtype} but features {features.dtype}; cast them to one dtype")
    if (surrogates.shape[0], surrogates.shape[3]) != (heads, dim) or 0 in surrogates.shape:
        raise ValueError(
            f"surrogates have shape {list(surrogates.shape)}; expected [{heads} heads, keys, frames, {dim}]"
        )
    check_device("surrogates", surrogates, "features", features)
    return surrogates.shape[1], surrogates.shape[2]


def check_surrogate_index(surrogate_index: torch.Tensor, features: torch.Tensor) -> tuple[int, int]:
    """Check that `surrogate_index` is int64 `[heads, keys, frames]` with the heads and the device of `features`.

    Returns:
        The numbers of text keys and frames.
    """
    heads = len(features)
    if surrogate_index.dtype != torch.int64:
        raise TypeError(f"surrogate_index is {surrogate_index.dtype}; pass the int64 indices of qk_match")
    if surrogate_index.dim() != 3 or surrogate_index.shape[0] != heads:
        raise ValueError(
            f"surrogate_index has shape {list(surrogate_index.shape)}; expected [{heads} heads, keys, frames]"
        )
    check_device("surrogate_index", surrogate_index, "features", features)
    return surrogate_index.shape[1], surrogate_index.shape[2]


def check_regions(tokens: torch.Tensor, offsets: torch.Tensor, features: torch.Tensor) -> int:
    """Check that regions are int64 `tokens [M]` and `offsets [regions + 1]` on the device of `features`.

    Returns:
        The number of regions.
    """
    for name, indices, fewest in (("tokens", tokens, 1), ("offsets", offsets, 2)):
        if indices.dtype != torch.int64:
            raise TypeError(f"{name} is {indices.dtype}; pass int64 indices")
        if indices.dim() != 1 or len(indices) < fewest:
            raise ValueError(f"{name} has shape {list(indices.shape)}; pass one dimension of at least {fewest}")
        check_device(name, indices, "the features", features)
    return len(offsets) - 1


def check_unit_length(unit_length: torch.Tensor | None, rows: int, reference: torch.Tensor) -> None:
    """Check that the optional `unit_length` is int32 or bool `[rows]` on the device of `reference`."""
    if unit_length is None:
        return
    if unit_length.dtype not in (torch.int32, torch.bool):
        raise TypeError(f"unit_length is {unit_length.dtype}; pass int32 or bool")
    if unit_length.shape != (rows,):
        raise ValueError(f"unit_length has shape {list(unit_length.shape)}; expected [{rows}]")
    check_device("unit_length", unit_length, "the features", reference)


def check_float32(name: str, tensor: torch.Tensor, shape: tuple[int | None, ...], reference: torch.Tensor) -> None:
    """Check that `tensor` is fp32, has `shape` (`None`: any size), and is on the device of `reference`."""
    if tensor.dtype != torch.float32:
        raise TypeError(f"{name} is {tensor.dtype}; it must be float32")
    fits = len(shape) == tensor.dim() and all(
        size in (None, given) for size, given in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} has shape {list(tensor.shape)}; expected [{expected}]")
    check_device(name, tensor, "the features", reference)


def check_flag(not_finite: torch.Tensor | None, reference: torch.Tensor) -> None:
    """Check that the optional `not_finite` is an int32 scalar on the device of `reference`."""
    if not_finite is None:
        return
    if not_finite.dtype != torch.int32 or not_finite.dim():
        raise TypeError(f"not_finite is {not_finite.dtype} {list(not_finite.shape)}; pass an int32 scalar tensor")
    check_device("not_finite", not_finite, "the features", reference)


def check_device(name: str, tensor: torch.Tensor, other: str, reference: torch.Tensor) -> None:
    """Check that two tensors are on the same device."""
    if tensor.device != reference.device:
        raise ValueError(f"{name} is on {tensor.device} but {other} on {reference.device}; move them to one device")
