"""Every kernel on a GPU at the sizes of full models: against the reference in fp64, and the same bits twice."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmarks.shapes import LAYERS, TEXT_TOKENS, Layer, LayerTensors, draw, draw_projections
from imap_kernels import concept_attention, frame_separation, gram_column, head_similarity, qk_match, qk_norm_rope
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import ROUNDING

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="full sizes are for a GPU")

FEATURES = ("query", "key", "value", "output", "text")


@dataclasses.dataclass(frozen=True)
class FullSize:
    """A layer's tensors as they are, and in fp64."""

    layer: Layer
    given: LayerTensors
    exact: LayerTensors

    @classmethod
    def draw(cls, layer: Layer, keys: int, dtype: torch.dtype, *, far_apart: bool = False) -> "FullSize":
        given = draw(layer, keys, device=str(DEVICE), dtype=dtype, seed=keys)
        exact = {name: getattr(given, name).double() for name in FEATURES}
        far = {name: spread_out(getattr(given, name)) for name in FEATURES if name != "text"} if far_apart else {}
        return cls(layer, dataclasses.replace(given, **far), dataclasses.replace(given, **exact))


def spread_out(rows: Tensor) -> Tensor:
    """The same `rows [heads, tokens, dim]`, the tokens so far apart that the last ones lie beyond 2³¹ entries."""
    heads, tokens, dim = rows.shape
    stride = -(-(2**31 + 2**24) // tokens // 16) * 16
    memory = torch.empty(tokens * stride, device=rows.device, dtype=rows.dtype)
    return memory.as_strided((heads, tokens, dim), (dim, stride, 1)).copy_(rows)


BF16_SIZES = [LAYERS[name] for name in ("2b-49x480x720", "5b-49x480x720", "1.5-5b-81x768x1360", "2b-321x480x720")]
CASES = {
    **{f"{layer.name}-bf16": (layer, torch.bfloat16, False) for layer in BF16_SIZES},
    "2b-fp16": (BF16_SIZES[0], torch.float16, False),
    "2b-fp32": (BF16_SIZES[0], torch.float32, False),
    "beyond-32-bits": (BF16_SIZES[-1], torch.bfloat16, True),
}


@pytest.fixture(params=[9, TEXT_TOKENS], ids="keys={}".format)
def keys(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, keys: int) -> FullSize:
    layer, dtype, far_apart = CASES[request.param]
    return FullSize.draw(layer, keys, dtype, far_apart=far_apart)


def twice(operation: Callable[[], Tensor]) -> Tensor:
    """The result, which is to the bit that of another call."""
    result = operation()
    assert torch.equal(operation(), result)
    return result


def test_qk_match(case: FullSize) -> None:
    frames, exact = case.layer.frames, case.exact
    index = twice(lambda: qk_match(case.given.query, case.given.text, frames=frames))
    for query, text, best in zip(exact.query, exact.text, index, strict=True):
        score = query.unflatten(0, (frames, -1)) @ text.T
        lost = score.amax(1) - score.gather(1, best.T[:, None])[:, 0]
        assert lost.max() <= 1e-6 * score.abs().max()


@pytest.mark.parametrize("score", ["chi", "fisher", "dbi"])
def test_frame_separation(case: FullSize, score: str) -> None:
    arguments = {"frames": case.layer.frames, "score": score}
    scores = twice(lambda: frame_separation(case.given.output, **arguments))
    assert_close(scores, frame_separation(case.exact.output, **arguments), 1e-5)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
def test_gram_column(case: FullSize, keys: int, normalize: str) -> None:
    given, exact = case.given, case.exact
    index = qk_match(exact.query, exact.text, frames=case.layer.frames)

    def maps(features: Tensor) -> Tensor:
        out = torch.zeros(2, keys, case.layer.tokens, device=DEVICE)
        weights = {"multiplicity": given.multiplicity, "head_weights": given.head_weights}
        gram_column(features, index, out=out, normalize=normalize, **weights)
        return out

    assert_close(twice(lambda: maps(given.output)), maps(exact.output), 2e-5)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
def test_head_similarity(case: FullSize, keys: int, normalize: str) -> None:
    def similarity(tensors: LayerTensors) -> Tensor:
        out = torch.zeros(keys, case.layer.tokens, device=DEVICE)
        arguments = {"multiplicity": tensors.multiplicity, "scale": 1 / case.layer.heads, "normalize": normalize}
        head_similarity(tensors.text, tensors.query, out=out, **arguments)
        return out

    assert_close(twice(lambda: similarity(case.given)), similarity(case.exact), 1e-5)


def test_concept_attention(case: FullSize) -> None:
    def attention(t: LayerTensors) -> Tensor:
        return concept_attention(t.text, t.text, t.text, t.key, t.value, multiplicity=t.multiplicity)

    rows = twice(lambda: attention(case.given))
    assert_close(rows, attention(case.exact), ROUNDING[rows.dtype])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("layer", BF16_SIZES, ids=lambda layer: layer.name)
def test_qk_norm_rope(layer: Layer, dtype: torch.dtype) -> None:
    def rows(made_in: torch.dtype) -> Tensor:
        drawn = draw_projections(layer, device=str(DEVICE), dtype=dtype)
        given = [drawn.pop(name).to(made_in) for name in ("query", "key")]
        norms = {name: tuple(v.to(made_in) for v in drawn.pop(name)) for name in ("query_norm", "key_norm")}
        qk_norm_rope(*given, **norms, **drawn)
        return torch.stack(given)

    assert_close(twice(lambda: rows(dtype)), rows(torch.float64), ROUNDING[dtype])
