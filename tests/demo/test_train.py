"""The training command: it learns, it resumes to the bit, and what it exports is a pipeline."""

import csv
import json

import pytest
import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo import build, world
from imap_fast.demo.fit import fit
from imap_fast.demo.train import Settings, train
from imap_fast.demo.validate import validate
from imap_fast.maps import MAP_NAMES

TINY = Settings(vae_steps=2, scenes=2, still_steps=2, still_batch=3, clip_steps=2, clip_batch=2)


def tiny_pipeline():
    return build.pipeline(seed=1, layers=2, head_dim=4, vae_channels=(2, 4, 4))


def test_every_caption_is_known_words_and_fits():
    tokenizer = build.tokenizer()
    for seed in range(30):
        ids = tokenizer(world.sample(seed, side=32).caption).input_ids
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= build.TEXT_LENGTH
        assert all(piece.startswith("▁") for piece in tokenizer.convert_ids_to_tokens(ids)[:-1]), "a word fell apart"


@pytest.mark.parametrize("text", ["", "Ein roter Kreis!", "赤い円", "🟥" * 50, "\n\t", "a" * 300])
def test_any_text_tokenizes(text):
    encoded = build.tokenizer()(text, truncation=True, return_offsets_mapping=True)
    assert encoded.input_ids[-1] == build.tokenizer().eos_token_id
    assert len(encoded.offset_mapping) == len(encoded.input_ids) <= build.TEXT_LENGTH


def test_capitals_do_not_matter():
    tokenizer = build.tokenizer()
    assert tokenizer("A Red CIRCLE").input_ids == tokenizer("a red circle").input_ids


def test_fit_learns(tmp_path):
    torch.manual_seed(0)
    line = torch.nn.Linear(3, 1)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    log = fit(
        {"line": line},
        lambda step: (line(x) - y).square().mean(),
        steps=400,
        rates={"line": 0.1},
        checkpoint=tmp_path / "line.safetensors",
    )
    assert [step for step, _ in log] == list(range(25, 401, 25))
    assert log[-1][1] < 1e-3 * log[0][1]


def test_fit_stops_at_a_loss_that_is_no_number(tmp_path):
    line = torch.nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match="nan at step 0"):
        fit(
            {"line": line},
            lambda step: line.weight.sum() * torch.nan,
            steps=2,
            rates={"line": 0.1},
            checkpoint=tmp_path / "line.safetensors",
        )


def test_a_stopped_run_resumes_to_the_same_weights(tmp_path):
    whole, stopped, resumed = tiny_pipeline(), tiny_pipeline(), tiny_pipeline()
    train(whole, TINY, tmp_path / "whole", tmp_path / "model")

    class Stop(Exception):
        pass

    forward = stopped.transformer.forward

    def stop_at_third_step(*args, **kwargs):
        stop_at_third_step.calls += 1
        if stop_at_third_step.calls == 3:
            raise Stop
        return forward(*args, **kwargs)

    stop_at_third_step.calls = 0
    stopped.transformer.forward = stop_at_third_step
    with pytest.raises(Stop):
        train(stopped, TINY, tmp_path / "work", tmp_path / "stopped", save_every=1)
    train(resumed, TINY, tmp_path / "work", tmp_path / "resumed", save_every=1)

    for name in ("vae", "transformer", "text_encoder"):
        expected, found = getattr(whole, name).state_dict(), getattr(resumed, name).state_dict()
        for key, value in expected.items():
            assert torch.equal(found[key], value), f"{name}.{key}"
    untrained = tiny_pipeline().transformer.state_dict()
    assert any(not torch.equal(untrained[key], value) for key, value in whole.transformer.state_dict().items())


def test_the_exported_folder_is_a_pipeline_and_its_record(tmp_path):
    trained = tiny_pipeline()
    train(trained, TINY, tmp_path / "work", tmp_path / "model")
    loaded = CogVideoXPipeline.from_pretrained(tmp_path / "model")
    for name in ("vae", "transformer", "text_encoder"):
        for key, value in getattr(loaded, name).state_dict().items():
            torch.testing.assert_close(value, getattr(trained, name).state_dict()[key], rtol=1e-3, atol=1e-5)
    assert loaded.vae.config.scaling_factor == trained.vae.config.scaling_factor != 1.0
    assert json.loads((tmp_path / "model" / "training.json").read_text())["settings"]["clip_steps"] == 2
    rows = list(csv.reader((tmp_path / "model" / "training.csv").open()))
    assert rows[0] == ["stage", "step", "loss"]
    assert not list(tmp_path.glob(".*")), "a half-written folder was left"


def test_validation_notes_the_best_of_all_layers_and_steps(tmp_path, monkeypatch):
    train(tiny_pipeline(), TINY, tmp_path / "work", tmp_path / "model")
    asked, sizes = [], []

    def aucs(pipe, scenes, layers, step, names):
        asked.append((layers, step))
        assert [len(scene.objects) > 1 for scene in scenes] == [True] * len(scenes)
        sizes.append(len(scenes))
        best = (layers, step) == ((1,), 40)
        return dict.fromkeys(
            names, {"in_picture": 0.7, "among_objects": 0.7} if best else {"in_picture": 0.95, "among_objects": 0.4}
        )

    monkeypatch.setattr("imap_fast.demo.validate._mean_auc", aucs)
    note = validate(tmp_path / "model", scenes=3, held_out=2, steps=(30, 40))
    assert set(asked) == {(layers, step) for layers in [(0,), (1,), (0, 1)] for step in (30, 40)}
    assert (note["layers"], note["steps"]) == ([1], [40])
    assert (note["validation"]["scenes"], note["held_out"]["scenes"]) == (3, 2)
    assert sizes == [3] * 7 + [2]
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert record["chosen"] == note
    assert record["settings"]["clip_steps"] == 2


def test_validation_measures_with_the_real_maps(tmp_path):
    train(tiny_pipeline(), TINY, tmp_path / "work", tmp_path / "model")
    note = validate(tmp_path / "model", scenes=1, held_out=1, steps=(40,))
    for split in ("validation", "held_out"):
        assert set(note[split]["mean_auc"]) == set(MAP_NAMES)
        for row in note[split]["mean_auc"].values():
            assert set(row) == {"in_picture", "among_objects"}
            assert all(0 < value < 1 for value in row.values())
