"""What models that are derived from Wan have before and between the frames of a video."""

from __future__ import annotations

import pytest

import imap_fast
from imap_fast.models.registry import adapter_for
from tests.pipelines import PIPELINES, generate
from tests.tiny import RED
from tests.tiny_wan_family import FIRST_FRAME, REASONING, chronoedit_pipeline, vace_pipeline

READ = {"layers": [1], "top_k": 2, "match": "prompt"}


@pytest.mark.parametrize(("images", "frames"), [(None, 0), (RED, 1), ([RED, RED], 2), ([[RED, RED, RED]], 3)])
def test_each_reference_image_of_vace_is_a_frame_before_the_video(images: object, frames: int) -> None:
    adapter = adapter_for(vace_pipeline())
    adapter.begin_run({"reference_images": images})
    assert adapter.reference_frames == frames


def test_runs_of_vace_may_have_other_reference_images() -> None:
    pipeline = vace_pipeline()
    for images in ([RED, RED], None, RED):
        with imap_fast.trace(pipeline, ["cat"], **READ) as tracer:
            generate(pipeline, reference_images=images, num_inference_steps=1)
        assert tracer.maps.grid == (3, 2, 3)


def test_a_run_of_chronoedit_that_leaves_frames_out_on_its_way_is_refused() -> None:
    pipeline = chronoedit_pipeline()
    call = {**FIRST_FRAME, **REASONING, "num_temporal_reasoning_steps": 2}
    with pytest.raises(ValueError, match="a trace reads videos of one size"):
        with imap_fast.trace(pipeline, ["cat"], **READ):
            generate(pipeline, **call)
    for steps, frames in (([0, 1], 3), ([2], 2)):
        with imap_fast.trace(pipeline, ["cat"], steps=steps, **READ) as tracer:
            generate(pipeline, **call)
        assert tracer.maps.grid[0] == frames


def test_a_second_segment_of_an_actor_is_refused() -> None:
    _, make, call = PIPELINES["animate"]
    pipeline = make()
    with pytest.raises(RuntimeError, match="goes on after its last one; trace one run at a time"):
        with imap_fast.trace(pipeline, ["cat"], **READ):
            generate(pipeline, **{**call, "pose_video": [RED] * 17, "face_video": [RED] * 17})


def test_wan_2_2_5b_has_24_frames_per_second() -> None:
    rates = {kind: adapter_for(PIPELINES[kind][1]()).frame_rate for kind in ("wan-text", "wan-text-5b", "forcing-text")}
    assert rates == {"wan-text": 16.0, "wan-text-5b": 24.0, "forcing-text": 24.0}
