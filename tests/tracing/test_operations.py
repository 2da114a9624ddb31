"""How many operations a layer adds to a GPU's work: each costs microseconds, however small it is."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import imap_fast
from benchmarks.resources.recording import recorded_launches
from imap_fast.maps.names import REGION_MAPS, WITHIN_FEATURES, WITHOUT_STREAM
from imap_fast.tracing.running_maps import RunningMaps
from tests.architectures import ARCHITECTURES, TEXT, Architecture

pytestmark = pytest.mark.usefixtures("unwrapped_operations")


class DeviceOperations(TorchDispatchMode):
    """Counts the operations of PyTorch that a GPU would run: all except views and allocations."""

    FREE = ("empty", "_unsafe_view", "detach", "_reshape_alias")

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not func.is_view and not any(name in str(func) for name in self.FREE):
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def operations_of_a_layer(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch, *, text: int = TEXT, **arguments: object
) -> list[str]:
    """The operations while the second layer of four is read, in the second step of a guided video."""
    owner = importlib.import_module(f"imap_fast.models.{module_of(architecture)}").TappedAttention
    read_layer, counted = owner.read_layer, []

    def counting(self: nn.Module, *args: object, **named: object) -> None:
        if self.layer != 1:
            return read_layer(self, *args, **named)
        with recorded_launches() as launches, DeviceOperations() as seen:
            read_layer(self, *args, **named)
        counted.append([*seen.names, *(launch.name for launch in launches if launch.choice == 0)])

    monkeypatch.setattr(owner, "read_layer", counting)
    transformer, inputs = architecture.transformer(num_layers=4), architecture.draw(batch=2, text=text)
    concepts = None if arguments.get("match") == "prompt" else architecture.concepts()
    settings = {"layers": [0, 1, 2, 3], "top_k": 2, "guided": True, "backend": "triton", **arguments}
    with torch.no_grad(), recorded_launches(), imap_fast.trace(transformer, concepts, **settings):
        for _ in range(2):
            transformer(**inputs)
    return counted[1]


def module_of(architecture: Architecture) -> str:
    return next(name for name, known in ARCHITECTURES.items() if known is architecture)


@pytest.mark.parametrize("text", [TEXT, 80])  # one tile of text keys, and two
def test_prompt(architecture: Architecture, monkeypatch: pytest.MonkeyPatch, text: int) -> None:
    found = operations_of_a_layer(architecture, monkeypatch, match="prompt", text=text)
    assert len(found) <= 6, found


def test_prompt_in_one_pass_over_o(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningMaps, "one_pass", True)
    found = operations_of_a_layer(architecture, monkeypatch, match="prompt")
    assert "add_map_and_moments" in found
    assert len(found) <= 6, found


@pytest.mark.parametrize("surrogates", ["frame", "clip"])
def test_soft_surrogates_add_none(architecture: Architecture, surrogates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for each in ("argmax", surrogates):
        with monkeypatch.context() as patch:
            found.append(operations_of_a_layer(architecture, patch, match="prompt", surrogates=each))
    hard, soft = found
    assert "attend_part" in soft
    assert len(soft) <= len(hard)


@pytest.mark.parametrize("name", ["cogvideox", "hunyuan_video"])
def test_concepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = {"fast_attention": True} if name == "cogvideox" else {}
    found = operations_of_a_layer(ARCHITECTURES[name], monkeypatch, **fast)
    assert len(found) <= 30, found


REGIONS = {"point": (0.0, 1.0, 1.0), "box": (0.0, 0.0, 0.0, 2.0, 2.0)}


@pytest.mark.parametrize(
    ("more", "added"),
    [
        ({"maps": ["imap", "gramcol", *WITHIN_FEATURES], "regions": REGIONS}, 1),
        ({"maps": ["imap", "gramcol", *REGION_MAPS], "regions": REGIONS}, 3),
        ({"maps": ["imap", "gramcol", "text_attention"]}, 3),  # one of them is a mask of text rows
        ({"heads": [(1, 0), (1, 1), (2, 0)]}, 2),
    ],
    ids=["regions", "regions by queries", "text attention", "two heads"],
)
def test_what_is_made_beside_the_maps(
    architecture: Architecture, more: dict[str, object], added: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of regions and their maps: those of o come from the pass over o that text keys need."""
    if architecture.prompt_only and not {*more.get("maps", ())} <= {*WITHOUT_STREAM, *WITHIN_FEATURES}:
        pytest.skip("text does not attend here, and visual tokens do not attend to each other")
    found = []
    for arguments in ({}, more):
        with monkeypatch.context() as patch:
            found.append(operations_of_a_layer(architecture, patch, match="prompt", **arguments))
    plain, beside = found
    assert len(beside) <= len(plain) + added, set(beside) - set(plain)
