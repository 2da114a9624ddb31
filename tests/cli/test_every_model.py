"""`imap-fast generate` and `explain` on a saved pipeline of every architecture but the first three."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imap_fast.cli import main
from imap_fast.models import registry
from imap_fast.video import Clip
from tests.architectures import ARCHITECTURES, NEWER
from tests.explaining.test_explain import clip
from tests.pipelines import PIPELINES

UNSAVED = ("kandinsky-text", "kandinsky-image")
KINDS = {
    PIPELINES[kind][0]: kind for family in NEWER for kind in reversed(family.PIPELINES) if kind not in UNSAVED
}.values()
"""The first one of each architecture, without that whose processor of texts needs torchvision."""
WORDS = ["--prompt", "a red cat running", "--concepts", "running,cat", "--layers", "1", "--top-k", "2", "--json"]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return code, shown.out if code == 0 else shown.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_pipeline_is_generated_and_explained(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, make, _ = PIPELINES[kind]
    pipeline = make()
    pipeline.save_pretrained(tmp_path / "model")
    Clip(clip(9).frames, 8.0).save(tmp_path / "clip.mp4")
    known = registry.PIPELINES[type(pipeline).__name__]
    height, width = ARCHITECTURES[name].size
    asked = ["--model", tmp_path / "model", *WORDS, "--height", height, "--width", width]
    if not registry.ARCHITECTURES[name].has_concept_stream:
        asked += ["--match", "prompt"]
    steps = ["--num-frames", 9, "--num-inference-steps", 2, "--guidance-scale", 2]
    code, said = run(capsys, "generate", *asked, *steps, "--output", tmp_path / "new")
    if known.starts_from is None:
        assert code == 0, said
        assert json.loads(said)["labels"] == ["running", "cat"]
        assert json.loads((tmp_path / "new" / "run.json").read_text())["guidance_scale"] == 2
        assert json.loads((tmp_path / "new" / "run.json").read_text())["num_inference_steps"] == 2
    else:
        assert code == 2
        assert f"starts from {known.starts_from}" in said
    code, said = run(capsys, "explain", tmp_path / "clip.mp4", *asked, "--window", 9, "--output", tmp_path / "own")
    if known.explained:
        assert code == 0, said
        assert json.loads(said)["labels"] == ["running", "cat"]
    else:
        assert code == 2
        assert f"explain cannot pass a video through {known.name}" in said
