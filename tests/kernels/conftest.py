"""Where the kernels run: on a GPU where there is one, else on the CPU, Triton's under its interpreter."""

import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="session", params=["reference", "triton"])
def backend(request) -> str:
    """Every implementation of an operation."""
    return request.param
