"""No tensor of heads × text × tokens, and none of tokens × tokens, comes into being in a traced forward."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import imap_fast
from imap_fast.maps.names import BETWEEN_QUERIES, REGION_MAPS
from imap_kernels.qk_match import reference
from tests.architectures import Architecture

pytestmark = pytest.mark.usefixtures("unwrapped_operations")

# Primes, so that a size tells what it is made of: 5 heads, 23 text tokens, 2 concepts and the padding, and 7 frames of
# 11 × 13 patches.
HEADS, TEXT, CONCEPTS, FRAMES, HEIGHT, WIDTH = 5, 23, 2, 7, 11, 13
TOKENS = FRAMES * HEIGHT * WIDTH
ROWS = TEXT + TOKENS


class Watch(TorchDispatchMode):
    """Notes every tensor, made outside the attention call, whose size is a multiple of a forbidden one."""

    def __init__(self) -> None:
        super().__init__()
        by_head = {f"heads × {text} text × tokens": HEADS * text * TOKENS for text in (CONCEPTS + 1, TEXT)}
        self.forbidden = by_head | {
            "tokens × tokens": TOKENS * TOKENS,
            "tokens × rows": TOKENS * ROWS,
            "rows × rows": ROWS * ROWS,
        }
        self.found: list[str] = []
        self.seen = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "scaled_dot_product" not in str(func):
            for tensor in out if isinstance(out, (tuple, list)) else [out]:
                if isinstance(tensor, torch.Tensor):
                    self.seen += 1
                    self.found += [
                        f"{what}: {func} made {list(tensor.shape)}"
                        for what, size in self.forbidden.items()
                        if tensor.numel() and tensor.numel() % size == 0
                    ]
        return out


def watched(architecture: Architecture, **arguments: object) -> Watch:
    """What is found in a traced forward, and not in a stock one."""
    transformer = architecture.transformer(num_attention_heads=HEADS)
    arguments = {**architecture.arguments, "layers": [0, 1, 2], **arguments}
    concepts = None if arguments.get("match") == "prompt" else architecture.concepts(CONCEPTS)
    inputs = architecture.draw(text=TEXT, latents=(FRAMES, 2 * HEIGHT, 2 * WIDTH))
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments):
        with Watch() as watch:
            transformer(**inputs)
    with torch.no_grad(), Watch() as stock:
        transformer(**inputs)
    watch.found = [found for found in watch.found if found not in stock.found]
    assert watch.seen > 500
    return watch


@pytest.mark.slow
@pytest.mark.parametrize("score", ["chi", "fisher", "dbi", "silhouette"])
def test_every_score(architecture: Architecture, score: str) -> None:
    assert watched(architecture, head_score=score).found == []


@pytest.mark.slow
@pytest.mark.parametrize("normalize", ["none", "softmax"])
def test_prompt_mode(architecture: Architecture, normalize: str) -> None:
    assert watched(architecture, match="prompt", normalize=normalize).found == []


@pytest.mark.slow
def test_every_architecture(any_architecture: Architecture) -> None:
    for match in ("prompt",) if any_architecture.prompt_only else ("prompt", "concepts"):
        assert watched(any_architecture, match=match).found == []


@pytest.mark.slow
@pytest.mark.parametrize("surrogates", ["frame", "clip"])
def test_soft_surrogates(architecture: Architecture, surrogates: str) -> None:
    assert watched(architecture, surrogates=surrogates).found == []
    assert watched(architecture, surrogates=surrogates, match="prompt").found == []


@pytest.mark.slow
def test_what_is_kept(architecture: Architecture) -> None:
    assert watched(architecture, keep=["layers", "steps"], heads=[(1, 0), (1, 3), (2, 4)]).found == []


@pytest.mark.slow
def test_regions(architecture: Architecture) -> None:
    """As many as text keys, so that heads × regions × tokens is a forbidden size, too."""
    regions = {"point": (0.0, 4.5, 2.5), "box": (0.0, 1.0, 2.0, 12.0, 9.0), "edge": (0.0, 0.0, 0.0)}
    assert len(regions) == CONCEPTS + 1
    maps = ["gramcol", "imap", *REGION_MAPS]
    if architecture.prompt_only:
        maps = [name for name in maps if name not in BETWEEN_QUERIES]
    assert watched(architecture, maps=maps, regions=regions).found == []
    assert watched(architecture, maps=maps[2:], regions=regions, match="prompt").found == [], "without words"
    assert watched(architecture, maps=maps, regions=regions, keep=["layers", "steps"]).found == []


@pytest.mark.slow
def test_text_attention(architecture: Architecture) -> None:
    if not architecture.prompt_only:
        assert watched(architecture, maps=["gramcol", "text_attention"], match="prompt").found == []


def test_maps_are_freed_with_their_tracer(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()

    def finished() -> weakref.ref:
        with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
            transformer(**inputs)
        return weakref.ref(tracer._running)

    gc.collect()
    gc.disable()
    try:
        assert finished()() is None, "a circle of references keeps the maps until a collection"
    finally:
        gc.enable()


def test_the_watch_finds_what_it_looks_for(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_heads_at_once(query: torch.Tensor, key: torch.Tensor, frames: int, not_finite: object) -> torch.Tensor:
        return (key @ query.mT).unflatten(-1, (frames, -1)).argmax(-1)

    monkeypatch.setattr(reference, "qk_match", all_heads_at_once)
    text = TEXT if architecture.prompt_only else CONCEPTS + 1
    assert any(f"heads × {text} text × tokens" in found for found in watched(architecture).found)
