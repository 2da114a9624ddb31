"""Every kernel test runs by every implementation, all on `tests.device.DEVICE`."""

import pytest


@pytest.fixture(scope="session", params=["reference", pytest.param("triton", marks=pytest.mark.slow)])
def backend(request) -> str:
    """Every implementation of an operation."""
    return request.param
