"""The operations that read q, o and text rows note values that are not finite, and only those."""

import math

import pytest
import torch
from torch import Tensor

from imap_kernels import (
    SCORES,
    SEGMENTS,
    frame_separation,
    gram_separation,
    head_similarity,
    qk_match,
    region_rows,
    soft_surrogates,
)
from tests.device import DEVICE
from tests.kernels.draw import draw_multiplicity, draw_rows

HEADS, FRAMES, PATCHES, DIM = 3, 2, 37, 20
LARGE = 1e4  # finite in fp16


def noted(operation: str, text: Tensor, visual: Tensor, backend: str, **arguments: object) -> bool:
    """Whether an operation notes that its text rows or its visual rows are not finite."""
    notes = torch.zeros(3, dtype=torch.int32, device=DEVICE)  # the note is an element of a larger tensor
    named = {"not_finite": notes[1], "backend": backend, **arguments}
    if operation == "qk_match":
        qk_match(visual, text, frames=FRAMES, **named)
    elif operation == "soft_surrogates":
        queries, features = (visual, visual.sign()) if named.pop("query") else (visual.sign(), visual)
        soft_surrogates(queries, text, features, frames=FRAMES, scale=0.1, **named)
    elif operation == "frame_separation":
        frame_separation(visual, **{"frames": FRAMES, **named})
    elif operation == "region_rows":
        every_token, unit = torch.arange(FRAMES * PATCHES, device=DEVICE), torch.tensor([named.pop("unit")])
        offsets = torch.tensor([0, FRAMES * PATCHES], device=DEVICE)
        region_rows(visual, every_token, offsets, unit_length=unit.to(DEVICE), **named)
    else:
        keys = text.shape[1]
        named["out"] = torch.zeros(keys, FRAMES * PATCHES, dtype=torch.float32, device=DEVICE)
        named["multiplicity"] = draw_multiplicity(keys, padding=2)
        if operation == "head_similarity":
            head_similarity(text, visual, scale=1.0, **named)
        else:
            gram_separation(visual, torch.zeros(HEADS, keys, FRAMES, dtype=torch.int64, device=DEVICE), **named)
    assert notes[0] == notes[2] == 0
    return bool(notes[1])


def spoiled(rows: Tensor, value: float, where: float) -> Tensor:
    """A copy with one other value, at this share of all of them."""
    copy = rows.clone()
    copy.view(-1)[round(where * (rows.numel() - 1))] = value
    return copy


CASES = {
    "qk_match": ("qk_match", {}),
    **{f"frame_separation-{score}": ("frame_separation", {"score": score}) for score in SCORES},
    "frame_separation-one-frame": ("frame_separation", {"frames": 1}),
    "frame_separation-one-patch": ("frame_separation", {"frames": FRAMES * PATCHES}),
    "gram_separation": ("gram_separation", {}),
    "region_rows": ("region_rows", {"unit": False}),
    "region_rows-unit": ("region_rows", {"unit": True}),
    **{f"soft_surrogates-query-{over}": ("soft_surrogates", {"over": over, "query": True}) for over in SEGMENTS},
    "soft_surrogates-features": ("soft_surrogates", {"query": False}),
    "soft_surrogates-features-silhouette": ("soft_surrogates", {"query": False, "score": "silhouette"}),
    "head_similarity": ("head_similarity", {}),
    "head_similarity-softmax": ("head_similarity", {"normalize": "softmax"}),
}
WITHOUT_TEXT = ("frame_separation", "region_rows")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("case", "keys"),
    [
        (case, keys)
        for case, (operation, _) in CASES.items()
        for keys in (1, 67)
        if keys == 67 or operation not in WITHOUT_TEXT
    ],
)
def test_notes_one_value_that_is_not_finite(backend, case, keys, dtype):
    operation, arguments = CASES[case]
    # Soft surrogates read text alike with queries and with features, so one case of both is enough.
    reads_text = operation in ("qk_match", "head_similarity", "soft_surrogates") and case != "soft_surrogates-features"
    text = draw_rows(HEADS, keys, DIM, seed=1, dtype=dtype).contiguous()
    visual = draw_rows(HEADS, FRAMES * PATCHES, DIM, seed=2, dtype=dtype).contiguous()
    text[1, -1], visual[1, 5] = LARGE, -LARGE
    assert not noted(operation, text, visual, backend, **arguments)
    for value, where in ((math.nan, 0.0), (math.inf, 1.0), (-math.inf, 0.4), (math.nan, 0.7)):
        assert noted(operation, text, spoiled(visual, value, where), backend, **arguments)
        if reads_text:
            assert noted(operation, spoiled(text, value, where), visual, backend, **arguments)


@pytest.mark.parametrize("operation", ["qk_match", "head_similarity"])
def test_notes_a_product_beyond_fp32(backend, operation):
    rows = 1e25 * draw_rows(HEADS, FRAMES * PATCHES, DIM, seed=4)
    assert rows.isfinite().all()
    assert noted(operation, rows[:, :2], rows, backend)


def test_a_note_stays(backend):
    """Whoever reads several layers or videos may give one note to all of them."""
    note = torch.ones((), dtype=torch.int32, device=DEVICE)
    rows = draw_rows(HEADS, FRAMES * PATCHES, DIM, seed=3)
    qk_match(rows, rows[:, :2], frames=FRAMES, not_finite=note, backend=backend)
    frame_separation(rows, frames=FRAMES, not_finite=note, backend=backend)
    assert note == 1


@pytest.mark.parametrize("note", [torch.zeros(1, dtype=torch.int32), torch.zeros(())])
def test_a_note_is_an_int32_scalar(note):
    rows = torch.rand(2, 6, 4)
    with pytest.raises(TypeError, match=r"not_finite is torch.(int32 \[1\]|float32 \[\]); pass an int32 scalar tensor"):
        qk_match(rows, rows, frames=2, not_finite=note)
