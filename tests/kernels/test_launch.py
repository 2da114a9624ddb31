"""Where and how kernels are launched: on the GPU of their tensors, compiled once, and never timed in a capture."""

import contextlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from imap_kernels import backend as backend_module
from imap_kernels import tuning
from imap_kernels.qk_match import reference
from tests.specializations import SETTINGS


def test_a_kernel_is_launched_on_the_gpu_of_its_tensors(monkeypatch):
    current = []

    @contextlib.contextmanager
    def device(chosen):
        current.append(chosen)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(reference, "qk_match", lambda *arguments: (list(current), arguments))
    like = SimpleNamespace(device=torch.device("cuda:1"), dtype=torch.float32)
    found = backend_module.implementation("qk_match", "reference", like)(1, 2)
    assert found == ([torch.device("cuda:1")], (1, 2))
    assert current == []


def test_nothing_is_timed_in_the_capture_of_a_graph(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert tuning._bench(lambda: pytest.fail("it was launched"), [0.5, 0.2, 0.8]) == [0.0] * 3


@pytest.fixture(scope="module")
def compiled() -> dict[str, list[dict[str, int]]]:
    """For each setting, how often each kernel is compiled for the first layer, and for all layers and steps.

    In a new process, because Triton interprets in this one.
    """
    command = [sys.executable, "-m", "tests.specializations", *SETTINGS]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TRITON_INTERPRET": "0"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_what_the_first_layer_compiles_serves_all_layers_and_steps(compiled, setting):
    first_layer, all_layers = compiled[setting]
    matching = {"attend_part", "merge_surrogates"} if setting == "--soft" else {"peaks", "part_moments"}
    assert matching | {"variance_ratio", "rank_heads", "add_maps", "norm_rope"} <= set(first_layer)
    assert all_layers == first_layer
