"""The training command: the loss falls, a resumed run is bit-exact, and the exported folder is a pipeline."""

import csv
import dataclasses
import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo import build, choices, world
from imap_fast.demo.captions import ObjectDescription
from imap_fast.demo.fit import fit
from imap_fast.demo.latents import EncodedScenes, SceneDescription
from imap_fast.demo.schedule import Steps
from imap_fast.demo.settings import Settings
from imap_fast.demo.train import train, velocity_loss
from imap_fast.demo.validate import validate
from imap_fast.maps.names import MAP_NAMES

TINY = Settings(vae_steps=2, scenes=2, still_steps=2, still_batch=3, clip_steps=2, clip_batch=2)


def tiny_pipeline(layers=2):
    return build.pipeline(seed=1, layers=layers, head_dim=4, vae_channels=(2, 4, 4))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained pipeline, and the folder of its training and export. Tests do not change either."""
    pipe, folder = tiny_pipeline(), tmp_path_factory.mktemp("trained")
    train(pipe, TINY, folder / "work", folder / "model")
    return pipe, folder


@pytest.mark.slow
def test_captions_are_words_of_the_vocabulary_and_fit_the_text_length():
    tokenizer = build.tokenizer()
    for seed in range(30):
        ids = tokenizer(world.sample(seed, side=32).caption).input_ids
        assert tokenizer.unk_token_id not in ids
        assert len(ids) <= build.TEXT_LENGTH
        assert all(piece.startswith("▁") for piece in tokenizer.convert_ids_to_tokens(ids)[:-1]), "a word was split"


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
        schedule=Steps(400, save_every=200),
        rates={"line": 0.1},
        checkpoint=tmp_path / "line.safetensors",
    )
    assert [row["step"] for row in log] == list(range(25, 401, 25))
    assert log[-1]["loss"] < 1e-3 * log[0]["loss"]


def test_fit_logs_measurements(tmp_path):
    def run(steps: int):
        line, saved = torch.nn.Linear(1, 1), []
        log = fit(
            {"line": line},
            lambda step: line.weight.square().sum(),
            schedule=Steps(steps, save_every=2),
            rates={"line": 0.1},
            checkpoint=tmp_path / "line.safetensors",
            measure=lambda: {"weight": round(line.weight.item(), 3)},
            on_save=lambda log: saved.append(len(log)),
        )
        return log, saved

    first, saved = run(4)
    assert [row["step"] for row in first] == [2, 4]
    assert first[0]["weight"] != first[1]["weight"]
    assert saved == [1, 2]
    resumed, saved = run(6)
    assert resumed[:2] == first
    assert saved == [3]


def test_fit_stops_at_a_loss_that_is_nan(tmp_path):
    line = torch.nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match="nan at step 0"):
        fit(
            {"line": line},
            lambda step: line.weight.sum() * torch.nan,
            schedule=Steps(2, save_every=200),
            rates={"line": 0.1},
            checkpoint=tmp_path / "line.safetensors",
        )


@pytest.mark.slow
def test_a_stopped_run_resumes_to_the_same_weights(trained, tmp_path):
    (whole, _), stopped, resumed = trained, tiny_pipeline(), tiny_pipeline()

    class Stop(Exception):
        pass

    calls = []

    def stop_at_third_step(*_):
        calls.append(None)
        if len(calls) == 3:
            raise Stop

    stopped.transformer.register_forward_pre_hook(stop_at_third_step)
    with pytest.raises(Stop):
        train(stopped, TINY, tmp_path / "work", tmp_path / "stopped", save_every=1)
    train(resumed, TINY, tmp_path / "work", tmp_path / "resumed", save_every=1)

    for name in ("vae", "transformer", "text_encoder"):
        expected, found = getattr(whole, name).state_dict(), getattr(resumed, name).state_dict()
        for key, value in expected.items():
            assert torch.equal(found[key], value), f"{name}.{key}"
    untrained = tiny_pipeline().transformer.state_dict()
    assert any(not torch.equal(untrained[key], value) for key, value in whole.transformer.state_dict().items())


@pytest.mark.slow
def test_the_exported_folder_is_a_pipeline_with_its_record(trained):
    pipe, folder = trained
    loaded = CogVideoXPipeline.from_pretrained(folder / "model")
    for name in ("vae", "transformer", "text_encoder"):
        for key, value in getattr(loaded, name).state_dict().items():
            torch.testing.assert_close(value, getattr(pipe, name).state_dict()[key], rtol=1e-3, atol=1e-5)
    assert loaded.vae.config.scaling_factor == pipe.vae.config.scaling_factor != 1.0
    assert json.loads((folder / "model" / "training.json").read_text())["settings"]["clip_steps"] == 2
    rows = list(csv.reader((folder / "model" / "training.csv").open()))
    assert rows[0][:2] == ["stage", "step"]
    assert {"imap objects", "imap motions", "cross_attention objects"} <= set(rows[0])
    assert [row[:2] for row in rows[1:]] == [["transformer", "4"]]
    assert not list(folder.glob(".*")), "an incomplete folder was left"


@pytest.mark.slow
def test_validation_records_the_settings_whose_best_map_is_best(tmp_path, monkeypatch):
    train(tiny_pipeline(layers=3), TINY, tmp_path / "work", tmp_path / "model")
    tried = []

    def aucs(pipe, scenes, names, *, layers, steps, top_k=5):
        assert [len(scene.objects) > 1 for scene in scenes] == [True] * 3
        tried.append((*layers, "at", *steps, top_k if names == ("imap",) else "all"))
        found = {name: dict.fromkeys(("objects", "among objects", "motions", "when"), 0.6) for name in names}
        if layers == [0, 2] and steps == [40]:
            # The highest sum of the best AUC of objects and of motions, but not the highest mean, and not in "when".
            found[names[-1]] = {"objects": 0.9, "among objects": 0.0, "motions": 0.9, "when": 0.0}
            if "imap" in found:
                found["imap"]["motions"] = 0.7 if top_k == 2 else 0.1
        elif layers == [0]:
            found[names[-1]]["when"] = 1.0
        elif layers == [1] and "imap" not in found:
            # The sum is higher by less than a hundredth, and that of `imap` is lower.
            found[names[-1]] |= {"objects": 0.9, "motions": 0.904}
        return found

    monkeypatch.setattr("imap_fast.demo.validate.mean_auc", aucs)
    entry = validate(tmp_path / "model", scenes=3, steps=(30, 40))
    assert set(tried) == {
        (*layers, "at", step, k)
        for layers in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
        for step in (30, 40)
        for k in ("all", 1, 2, 5)
    }
    assert len(tried) == len(set(tried))
    assert (entry["layers"], entry["steps"], entry["top_k"]) == ([0, 2], [40], 2)
    assert entry["validation"]["scenes"] == 3
    assert entry["validation"]["mean_auc"]["imap"]["motions"] == 0.7
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert record["chosen"] == entry
    assert record["settings"]["clip_steps"] == 2


@pytest.mark.slow
def test_validation_measures_with_the_real_maps(trained, tmp_path, monkeypatch):
    shutil.copytree(trained[1] / "model", tmp_path / "model")
    monkeypatch.setattr("imap_fast.demo.validate.TOP_K", (2,))
    entry = validate(tmp_path / "model", scenes=2, steps=(40,))
    assert set(entry["validation"]["mean_auc"]) == set(MAP_NAMES)
    for row in entry["validation"]["mean_auc"].values():
        assert set(row) == {"objects", "among objects", "motions", "when"}
        assert all(0 < value < 1 for value in row.values())


def test_a_clean_start_has_no_noise_and_no_weight_in_the_loss():
    pipe = tiny_pipeline()
    things = [ObjectDescription("red circle", "plain", "small", "slides left", "last")]
    nothing = torch.zeros(1, 7, 24, 24).half()
    description = SceneDescription(things, [[True] * 7], "dark")
    scenes = EncodedScenes(torch.randn(1, 7, 8, 24, 24).half(), nothing, nothing, [description])
    seen = []
    pipe.transformer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    settings = dataclasses.replace(TINY, still_steps=0, still_share=0.0, start_share=1.0)
    velocity_loss(pipe, scenes, settings, 0)
    clean = scenes.latents.float() * pipe.vae.config.scaling_factor
    assert torch.equal(seen[0][:, 0], clean[[0, 0], 0])
    assert not torch.isclose(seen[0][:, 1:], clean[[0, 0], 1:]).any(dim=-1).all()

    def loss(first: float) -> torch.Tensor:
        pipe.transformer.forward = lambda noisy, *_: SimpleNamespace(
            sample=torch.cat([torch.full_like(noisy[:, :1], first), torch.zeros_like(noisy[:, 1:])], dim=1)
        )
        return velocity_loss(pipe, scenes, settings, 0)

    assert torch.equal(loss(0.0), loss(100.0))
    settings = dataclasses.replace(settings, start_share=0.0)
    assert loss(100.0) > 10 * loss(0.0)


def test_the_caption_of_a_still_describes_that_moment(monkeypatch):
    pipe = tiny_pipeline()
    things = [ObjectDescription("red circle", "plain", "small", "slides left", "last")]
    moves = [False, True, False, True, True, False, True]
    nothing, seen = torch.zeros(1, 7, 24, 24).half(), []
    # Every value of a latent frame is the index of the frame.
    latents = torch.arange(7.0).half().expand(1, 8, 24, 24, 7).movedim(-1, 1)
    scenes = EncodedScenes(latents, nothing, nothing, [SceneDescription(things, [moves], "dark")])
    monkeypatch.setattr(choices, "caption", lambda _, things, background: seen.append(things[0].action) or "")
    monkeypatch.setattr(pipe.scheduler, "add_noise", lambda clean, *_: seen.append(clean[:, 0, 0, 0, 0]) or clean)
    settings = dataclasses.replace(TINY, still_batch=40, caption_dropout=0.0)
    velocity_loss(pipe, scenes, settings, 0)
    *actions, frames = seen
    assert set(frames.tolist()) == {1, 2, 3, 4, 5, 6}, "all except the first, which shows no motion"
    assert actions == ["slides left" if moves[int(frame)] else "rests" for frame in frames]


@pytest.mark.slow
def test_some_later_steps_train_on_stills(monkeypatch):
    pipe, seen = tiny_pipeline(), []
    nothing = torch.zeros(1, 7, 24, 24).half()
    objects = [ObjectDescription("red circle", "plain", "small", "rests", "throughout")]
    description = SceneDescription(objects, [[False] * 7], "dark")
    scenes = EncodedScenes(torch.zeros(1, 7, 8, 24, 24).half(), nothing, nothing, [description])
    pipe.transformer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].shape[:2]))
    settings = dataclasses.replace(TINY, still_steps=1, still_share=0.5)
    for step in range(12):
        velocity_loss(pipe, scenes, settings, step)
    assert seen[0] == (3, 1)
    assert {tuple(shape) for shape in seen[1:]} == {(3, 1), (2, 7)}


def test_objects_and_moving_objects_have_larger_weights():
    pipe = tiny_pipeline()
    things = [ObjectDescription("red circle", "plain", "small", "rests", "throughout")]
    objects, motion = torch.zeros(2, 1, 7, 24, 24).half()
    objects[:, :, :12], motion[:, :, :6] = 1, 1
    description = SceneDescription(things, [[True] * 7], "dark")
    scenes = EncodedScenes(torch.zeros(1, 7, 8, 24, 24).half(), objects, motion, [description])
    settings = dataclasses.replace(
        TINY, still_steps=0, still_share=0.0, start_share=0.0, object_weight=3.0, motion_weight=5.0
    )
    errors = []
    for rows in (slice(0, 6), slice(6, 12), slice(12, 24)):
        # The correct velocity, plus 1 in one part of the picture.
        def predict(noisy, text, timestep, rows=rows):
            zeros = torch.zeros_like(noisy)
            velocity = pipe.scheduler.get_velocity(zeros, noise_of(noisy, timestep), timestep)
            velocity[..., rows, :] += 1
            return SimpleNamespace(sample=velocity)

        def noise_of(noisy, timestep):
            return noisy / (1 - pipe.scheduler.alphas_cumprod[timestep]).sqrt()[:, None, None, None, None]

        pipe.transformer.forward = predict
        errors.append(velocity_loss(pipe, scenes, settings, 0).item())
    total = 0.25 * (3 + 5) + 0.25 * 3 + 0.5
    assert errors == pytest.approx([2 / total, 0.75 / total, 0.5 / total], rel=1e-4)
