"""Masks as sharp as the picture."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.masks import Sam2
from imap_fast.masks.names import FORMATS, REFINEMENTS
from imap_fast.masks.refinement import MAKERS
from imap_fast.masks.refinement.guided import Guided
from imap_fast.masks.refinement.prompts import MOST_PROMPTS, prompts_of
from imap_fast.masks.scale import BELOW
from imap_fast.metrics.overlap import iou
from imap_fast.upsampling.interpolate import upsample_space
from tests.masks.tiny_sam2 import save_tiny_sam2


def test_names_are_those_of_what_there_is():
    from imap_fast.masks import formats

    assert tuple(MAKERS) == REFINEMENTS
    assert tuple(formats.FORMATS) == FORMATS


def disc(side: int = 96) -> tuple[np.ndarray, torch.Tensor, np.ndarray]:
    """A frame with a disc, the scores of 6 × 6 patches that are roughly in it, and its mask."""
    row, column = np.mgrid[:side, :side]
    mask = (row - 40) ** 2 + (column - 52) ** 2 < 24**2
    frame = np.where(mask[..., None], [200, 60, 40], [40, 80, 120]).astype(np.uint8)
    patches = torch.from_numpy(mask).float().view(6, side // 6, 6, side // 6).mean((1, 3))
    return frame, (patches - 0.5)[None, None], mask


def refined(refinement, frame, scores) -> np.ndarray:
    (score,) = refinement([frame], scores)
    assert score.shape == (scores.shape[0], *frame.shape[:2])
    assert score.dtype == torch.float32
    return score.numpy() >= 0


def test_the_guided_filter_follows_an_edge():
    frame, scores, mask = disc()
    bilinear = iou(upsample_space(scores[:, 0], 96, 96)[0].numpy() >= 0, mask)
    guided = iou(refined(Guided(), frame, scores)[0], mask)
    assert guided > 0.95 > bilinear + 0.03


def test_the_dense_crf_follows_an_edge():
    pytest.importorskip("pydensecrf")
    from imap_fast.masks.refinement.crf import DenseCRF

    frame, scores, mask = disc()
    assert iou(refined(DenseCRF(), frame, scores)[0], mask) > 0.95


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6))
def test_any_size_of_frame_can_be_filtered(height, width, concepts, frames, patches):
    rng = np.random.default_rng(height)
    pictures = list(rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8))
    scores = torch.rand(concepts, frames, patches, patches, generator=torch.Generator().manual_seed(width)) - 0.5
    found = list(Guided()(pictures, scores))
    assert [tuple(score.shape) for score in found] == [(concepts, height, width)] * frames
    assert all(score.isfinite().all() for score in found)


def test_on_a_plain_frame_scores_are_smoothed_and_stay_between_their_ends():
    scores = torch.rand(2, 1, 5, 6, generator=torch.Generator().manual_seed(0)) - 0.5
    (score,) = Guided()([np.full((40, 48, 3), 90, np.uint8)], scores)
    assert scores.amin() - 1e-4 <= score.amin()
    assert score.amax() <= scores.amax() + 1e-4


def test_prompts_are_where_a_concept_is_hottest():
    scores = np.full((7, 4, 5), -0.5, np.float32)
    scores[2, 1:3, 1:4] = 0.1
    scores[2, 2, 3] = 0.4
    scores[2, 0, 0] = 0.2  # touches the region at a corner
    scores[5, 3, 4] = 0.9
    (first, second) = prompts_of(scores)
    assert (first.frame, second.frame) == (2, 5)
    assert first.peak == (3.5 / 5, 2.5 / 4)
    assert first.box == (0.0, 0.0, 4 / 5, 3 / 4)
    assert second.peak == (4.5 / 5, 3.5 / 4)
    assert second.box == (4 / 5, 3 / 4, 1.0, 1.0)
    assert prompts_of(np.full((3, 2, 2), -0.1)) == []


@given(st.integers(0, 2**16), st.integers(1, 9))
def test_a_box_holds_its_peak_and_at_most_a_few_frames_are_shown(seed, frames):
    scores = np.random.default_rng(seed).normal(size=(frames, 4, 5)).astype(np.float32)
    prompts = prompts_of(scores)
    assert len(prompts) <= MOST_PROMPTS
    assert [each.frame for each in prompts] == sorted({each.frame for each in prompts})
    for _, (x, y), (left, top, right, bottom) in prompts:
        assert 0 <= left < x < right <= 1
        assert 0 <= top < y < bottom <= 1


@pytest.fixture(scope="module")
def tiny_sam2(tmp_path_factory) -> str:
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2"))


def shown(frames: int = 6) -> tuple[list[np.ndarray], torch.Tensor]:
    rng = np.random.default_rng(0)
    scores = torch.full((3, frames, 4, 5), -0.5)
    scores[0, 3:, 1, 2] = 0.4
    scores[2, :, 2:, 3:] = torch.rand(frames, 2, 2, generator=torch.Generator().manual_seed(0))
    return list(rng.integers(0, 256, (frames, 50, 70, 3), dtype=np.uint8)), scores


@pytest.mark.slow
def test_sam2_follows_each_concept_through_all_frames(tiny_sam2):
    pictures, scores = shown()
    sam2 = Sam2(tiny_sam2, "cpu")
    found = list(sam2(pictures, scores))
    assert [tuple(score.shape) for score in found] == [(3, 50, 70)] * 6
    assert {score.dtype for score in found} == {torch.float32}
    everywhere = torch.stack(found)
    assert everywhere.isfinite().all()
    torch.testing.assert_close(everywhere[:, 1], torch.full((6, 50, 70), BELOW))  # never seen
    assert everywhere[:3, 0].std() > 0  # followed backwards from frame 3
    assert (torch.stack(list(sam2(pictures, scores))) == everywhere).all()
    # A concept is not changed by the others.
    alone = torch.stack(list(sam2(pictures, scores[2:])))
    torch.testing.assert_close(alone[:, 0], everywhere[:, 2], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_what_sam2_is_shown_matters(tiny_sam2):
    pictures, scores = shown()
    sam2 = Sam2(tiny_sam2, "cpu")
    other = scores.clone()
    other[0, 3:, 1, 2], other[0, 3:, 3, 0] = -0.5, 0.4
    one, two = (torch.stack(list(sam2(pictures, each)))[:, 0] for each in (scores, other))
    # Far above what rounding does, in the frames that are shown and in those that are followed to.
    assert ((one - two).abs().amax((1, 2)) > 1e-4 * one.std()).all()


@pytest.mark.slow
def test_a_sam2_that_cannot_be_loaded_is_named(tiny_sam2, tmp_path):
    with pytest.raises(ValueError, match=r"SAM 2 .*nowhere: not loaded; give a folder or a Hugging Face id"):
        Sam2(str(tmp_path / "nowhere"))
    from safetensors.torch import load_file, save_file

    torn = tmp_path / "torn"
    torn.mkdir()
    shutil.copy(f"{tiny_sam2}/config.json", torn)
    weights = load_file(f"{tiny_sam2}/model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, torn / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="the files of its SAM 2 have no "):
        Sam2(str(torn))
