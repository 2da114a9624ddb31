"""The one way tests compare tensors: by relative error."""

import torch


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """`|actual - expected| / |expected|` in fp64, over all elements; `|actual|` where `expected` is 0."""
    actual, expected = actual.detach().double().cpu(), expected.detach().double().cpu()
    error, size = (actual - expected).norm(), expected.norm()
    return (error / size if size > 0 else error).item()


def assert_close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    """Assert equal shapes and a relative error of at most `tolerance`; NaN and infinity never pass."""
    assert actual.shape == expected.shape, f"shape {list(actual.shape)}, expected {list(expected.shape)}"
    error = relative_error(actual, expected)
    assert error <= tolerance, f"relative error {error:.3g} exceeds {tolerance:.3g}"
