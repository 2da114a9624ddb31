"""Where the kernels run: on a GPU where there is one, else under Triton's interpreter."""

import os

import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if DEVICE.type == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernels are imported, at the first call with backend="triton"


@pytest.fixture(scope="session", params=["reference"])
def backend(request) -> str:
    """Every implementation of an operation."""
    return request.param
