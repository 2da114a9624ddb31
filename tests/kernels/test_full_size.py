"""Every kernel on a GPU at the sizes of full models: against the reference in fp64, and the same bits twice."""

from __future__ import annotations

import pytest
import torch

from benchmarks.cases import OPERATIONS
from benchmarks.gpu.checks import FULL_SIZES, Check, checks_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="full sizes are for a GPU")
CHECKS = [check for operation in OPERATIONS for check in checks_of(operation, FULL_SIZES)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.operation} {check}")
def test_is_right_at_full_size(check: Check) -> None:
    found = check.run("cuda", "triton")
    assert found["right"], found
