"""The layers chosen, and what they are chosen by."""

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast.layers.localize import patches_inside
from imap_fast.metrics.ranking import auc
from tests.assertions import assert_close
from tests.precision import in_fp64
from tests.tiny import FRAMES, HEIGHT, WIDTH
from tests.video.media import draw_frames

PROMPT = "a red cat running on grass"
STEP = 20


@pytest.fixture
def frames():
    return draw_frames(FRAMES, HEIGHT, WIDTH, seed=1)


@pytest.fixture
def masks():
    """A cat in a corner, from the first frame on; grass below in the last ones, and a background not known."""
    cat, running = np.zeros((2, FRAMES, HEIGHT, WIDTH), bool)
    cat[:, :16, :32] = True
    running[5:, 16:] = True
    return {"cat": cat, "running": running, "grass": None}


def choose(pipeline, videos, masks=None, **arguments):
    arguments = {"step": STEP, "top_k": 2} | arguments
    return imap_fast.choose_layers(pipeline, videos, [PROMPT] * len(videos), masks, **arguments)


@pytest.mark.slow
def test_without_masks_the_half_with_the_largest_second_eigenvalue(architecture, frames):
    pipeline = architecture.pipeline()
    size = {"height": HEIGHT, "width": WIDTH}
    choice = choose(pipeline, [frames, frames[::-1]], **size)
    apart = [choose(pipeline, [video], **size).eigenvalues for video in (frames, frames[::-1].copy())]
    assert choice.eigenvalues.shape == (3, 4)
    assert torch.equal(choice.eigenvalues, torch.stack(apart).mean(0))
    assert not torch.equal(*apart)
    least = choice.eigenvalues.mean(1).argmin().item()
    assert choice.layers == tuple(sorted({0, 1, 2} - {least}))
    assert (choice.auc, choice.head_scores, choice.head_auc, choice.correlation) == ({}, None, None, None)


@pytest.mark.slow
def test_with_masks_each_layer_and_head_is_as_if_it_were_read_alone(architecture, frames, masks):
    pipeline, known = in_fp64(architecture.pipeline()), {"height": HEIGHT, "width": WIDTH}
    if architecture.prompt_only:
        known["match"] = "prompt"
    choice = choose(pipeline, [frames], [masks], **known)

    inside = {name: patches_inside(masks[name], (3, 2, 3), 4, 1) for name in ("cat", "running")}

    def localization(maps, name):
        return np.mean([auc(maps.maps[name][maps.index(c)].flatten().numpy(), inside[c]) for c in inside])

    for layer in range(3):
        alone = known | {"steps": [STEP], "layers": [layer]}
        maps = imap_fast.explain(pipeline, frames, PROMPT, list(masks), top_k=2, **alone)
        assert choice.auc["imap"][layer] == pytest.approx(localization(maps, "imap"), abs=1e-6)
        assert choice.auc["gramcol"][layer] == pytest.approx(localization(maps, "gramcol"), abs=1e-6)
        assert torch.allclose(choice.head_scores[layer], maps.head_scores[0], rtol=1e-5)
        best = imap_fast.explain(pipeline, frames, PROMPT, list(masks), top_k=1, **alone)
        assert choice.head_auc[layer, best.selected_heads[0, 0]] == pytest.approx(localization(best, "imap"), abs=1e-6)
    merit = choice.auc["imap"] + choice.auc["gramcol"]
    assert choice.layers == tuple(sorted(merit.argsort(descending=True)[:2].tolist()))
    r = np.corrcoef(choice.head_scores.flatten(), choice.head_auc.flatten())[0, 1]
    assert choice.correlation == pytest.approx(r, abs=1e-5)


def test_with_masks_all_is_the_mean_over_videos(pipeline, frames, masks):
    videos = [frames, frames[::-1].copy()]
    choice, *apart = choose(pipeline, videos, [masks] * 2), *(choose(pipeline, [video], [masks]) for video in videos)
    for found in (lambda c: c.auc["imap"], lambda c: c.auc["gramcol"], lambda c: c.head_auc, lambda c: c.head_scores):
        assert torch.equal(found(choice), torch.stack([found(each) for each in apart]).mean(0))
        assert not torch.equal(*map(found, apart))


def test_masks_lie_on_the_video_whatever_its_size(pipeline, frames, masks):
    """Twice as large and wider than the model's picture, which is cut out of the middle."""
    alone = choose(pipeline, [frames], [masks])

    def larger(pixels):
        pixels = pixels.repeat(2, axis=1).repeat(2, axis=2)
        return np.pad(pixels, [(0, 2), (0, 0), (10, 10), *[(0, 0)] * (pixels.ndim - 3)])

    known = {name: None if mask is None else larger(mask) for name, mask in masks.items()}
    among = choose(pipeline, [larger(frames)], [known])
    assert torch.allclose(among.eigenvalues, alone.eigenvalues, atol=0.05)
    assert torch.allclose(among.auc["gramcol"], alone.auc["gramcol"], atol=0.15)


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_model(pipeline, frames, masks):
    expected = choose(in_fp64(pipeline), [frames], [masks])
    pipeline.transformer = torch.compile(pipeline.transformer, backend="aot_eager")
    choice = choose(pipeline, [frames], [masks])
    assert_close(choice.eigenvalues, expected.eigenvalues, 1e-4)  # found by iteration
    assert_close(choice.head_auc, expected.head_auc, 1e-6)


def test_an_undefined_correlation_is_none(pipeline, frames, masks):
    """One latent frame has nothing to separate."""
    choice = choose(pipeline, [frames[:1]], [{"cat": masks["cat"][:1], "grass": None}])
    assert choice.head_auc.shape == (3, 4)
    assert choice.correlation is None
    assert choice.figure().axes


def test_what_is_impossible_is_told(pipeline, frames, masks):
    with pytest.raises(ValueError, match="1 videos, 2 prompts"):
        imap_fast.choose_layers(pipeline, [frames], [PROMPT] * 2)
    with pytest.raises(ValueError, match="1 videos, 1 prompts, 2 masks"):
        choose(pipeline, [frames], [masks] * 2)
    with pytest.raises(ValueError, match="0 videos"):
        choose(pipeline, [])
    with pytest.raises(ValueError, match=r"step 50 is outside .*; give 0 to 49"):
        choose(pipeline, [frames], step=50)
    with pytest.raises(
        ValueError, match=r"the mask of 'cat' is bool \[9, 16, 48\]; the video needs bool \[9, 32, 48\]"
    ):
        choose(pipeline, [frames], [masks | {"cat": masks["cat"][:, ::2]}])
    with pytest.raises(ValueError, match="masks of cat, running: none has patches both inside and outside"):
        choose(pipeline, [frames], [masks | {"cat": ~np.zeros_like(masks["cat"]), "running": masks["cat"] & False}])
    with pytest.raises(TypeError, match="bare transformer"):
        choose(pipeline.transformer, [frames])


def test_attention_that_is_not_torchs_is_told(pipeline, frames):
    class Other:
        def __call__(self, attn, hidden_states, encoder_hidden_states, **_):
            return hidden_states, encoder_hidden_states

    pipeline.transformer.transformer_blocks[1].attn1.processor = Other()
    with pytest.raises(ValueError, match="1 layers of CogVideoXTransformer3DModel do not call"):
        choose(pipeline, [frames])


@pytest.mark.parametrize(
    ("frames", "grid", "patch_size_t", "latent_of"),
    [
        (9, (3, 2, 2), 1, [0, 1, 1, 1, 1, 2, 2, 2, 2]),
        (6, (3, 2, 2), 1, [0, 1, 1, 1, 1, 2]),
        (9, (2, 2, 2), 2, [0, 1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_patches_are_inside_from_half_on(frames, grid, patch_size_t, latent_of):
    latent_of = np.array(latent_of)
    for latent in range(grid[0]):
        mask = np.zeros((frames, 8, 12), bool)
        covered = latent_of == latent
        mask[covered, :4, :3] = True  # half of the first patch, all the time
        mask[np.flatnonzero(covered)[: covered.sum() // 2 + 1], 4:, 6:] = True  # the last, most of the time
        mask[np.flatnonzero(covered)[: (covered.sum() - 1) // 2], :4, 6:] = True  # the one above, less
        expected = np.zeros(grid, bool)
        expected[latent, 0, 0] = expected[latent, 1, 1] = True
        assert (patches_inside(mask, grid, 4, patch_size_t).reshape(grid) == expected).all()
