"""The training within minutes: its data, its parts, its resumption, and its command."""

import json

import pytest
import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo import build, timed
from imap_fast.demo import train as command
from imap_fast.demo.captions import ObjectDescription
from imap_fast.demo.export import export
from imap_fast.demo.latents import SceneDescription, encoded_scenes
from imap_fast.demo.schedule import Clock, Window
from imap_fast.demo.settings import Settings
from imap_fast.demo.timed import STILLS_SHARE, DrawnChoices, encoded_within, train_within
from imap_fast.demo.validate import validate

TINY = Settings(vae_batch=2, scenes=3, still_batch=3, clip_batch=1)
TINY_SIZE = {"layers": 2, "head_dim": 4, "vae_channels": (2, 4, 4)}


class Time:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def window(tmp_path, time):
    return Window(Clock(tmp_path / "clock.json", time), 0.0, 100.0)


def test_the_model_for_a_gpu_is_small_enough_to_ship():
    with torch.device("meta"):
        transformer = build.pipeline(**build.GPU_SIZE).transformer
    parameters = transformer.num_parameters()
    assert 8e6 <= parameters <= 10e6
    assert sum(tensor.numel() * 2 for tensor in transformer.state_dict().values()) <= 20e6, "bytes in bf16"


@pytest.mark.slow
def test_its_scenes_are_those_of_a_training_by_steps(window, tmp_path):
    vae = build.pipeline(**TINY_SIZE).vae
    one_by_one = encoded_scenes(vae, 3, tmp_path / "a.safetensors")
    together = encoded_within(vae, TINY, window, tmp_path / "b.safetensors")
    assert together.descriptions == one_by_one.descriptions
    # A mask is the same but for pixels that rounding decides, and a latent is computed in bf16.
    torch.testing.assert_close(together.objects, one_by_one.objects, rtol=0.0, atol=0.1)
    torch.testing.assert_close(together.motion, one_by_one.motion, rtol=0.0, atol=0.1)
    assert one_by_one.motion.max() > 0.9
    torch.testing.assert_close(together.latents, one_by_one.latents, rtol=0.1, atol=0.1)
    again = encoded_within(vae, TINY, window, tmp_path / "b.safetensors")
    assert torch.equal(again.latents, together.latents)


@pytest.mark.slow
def test_scenes_are_encoded_until_the_time_is_over(window, time, tmp_path, monkeypatch):
    monkeypatch.setattr(timed, "_SCENES_AT_ONCE", 1)
    vae = build.pipeline(**TINY_SIZE).vae
    time.now = 200.0
    scenes = encoded_within(vae, TINY, window, tmp_path / "scenes.safetensors")
    assert len(scenes.latents) == len(scenes.descriptions) == 1


def test_stills_come_first(window, time):
    things = [ObjectDescription("red circle", "plain", "small", "slides left", "last")]
    descriptions = [SceneDescription(things, [[True] * 7], "dark")]
    drawn = DrawnChoices(descriptions, build.tokenizer(), TINY, window, start=0)
    assert all(drawn[step].frames is not None for step in range(20))
    time.now = 100.0 * STILLS_SHARE
    assert {drawn[step].frames is None for step in range(20)} == {True, False}
    resumed = DrawnChoices(descriptions, build.tokenizer(), TINY, window, start=60)
    assert any(not torch.equal(drawn[step].tokens[:1], resumed[step].tokens[:1]) for step in range(20))


@pytest.mark.slow
def test_a_stopped_training_resumes_with_the_time_that_is_left(tmp_path, time, monkeypatch):
    work, model, file = tmp_path / "work", tmp_path / "model", tmp_path / "work" / "clock.json"
    calls = {"reconstruction_loss": 0, "velocity_loss": 0}

    def takes_20_seconds(name, stops_at=None):
        loss = getattr(timed, name)

        def slow(*arguments):
            calls[name] += 1
            if calls[name] == stops_at:
                raise KeyboardInterrupt
            time.now += 20.0
            return loss(*arguments)

        monkeypatch.setattr(timed, name, slow)

    def validated(folder, *, scenes, device, is_over):
        assert folder == model
        before = is_over()
        time.now += 20.0
        return before, is_over()

    takes_20_seconds("reconstruction_loss")
    takes_20_seconds("velocity_loss", stops_at=5)
    monkeypatch.setattr(timed, "validate", validated)
    with pytest.raises(KeyboardInterrupt):
        train_within(5.0, build.pipeline(1, **TINY_SIZE), TINY, work, model, Clock(file, time))
    assert calls == {"reconstruction_loss": 4, "velocity_loss": 5}, "the VAE has until second 66"
    record = json.loads((model / "training.json").read_text())["settings"]
    assert (record["vae_steps"], record["scenes"], record["transformer_steps"]) == (4, 3, 3), "saved at second 140"
    CogVideoXPipeline.from_pretrained(model)

    time.now += 3600.0
    entry = train_within(5.0, build.pipeline(2, **TINY_SIZE), TINY, work, model, Clock(file, time))
    assert calls == {"reconstruction_loss": 4, "velocity_loss": 5 + 7}, "from second 140 to 264"
    assert entry == (False, True)
    record = json.loads((model / "training.json").read_text())["settings"]
    assert record["transformer_steps"] == 10
    assert (record["minutes"], record["device"]) == (5.0, "cpu")
    assert not set(record) & {"still_steps", "clip_steps"}
    seconds = [line.split(",")[-1] for line in (model / "training.csv").read_text().split()]
    assert seconds == ["seconds", "60", "80", "140", "200", "260", "280"]


@pytest.mark.slow
def test_the_command_writes_a_pipeline_with_its_record(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "GPU_SIZE", TINY_SIZE)
    monkeypatch.setattr(timed, "VALIDATION_SCENES", 1)
    monkeypatch.setattr("imap_fast.demo.validate.TOP_K", (2,))
    options = ["--minutes", "0.01", "--device", "cpu"]
    folders = ["--model", str(tmp_path / "model"), "--work", str(tmp_path / "work")]
    tiny = ["--scenes", "2", "--vae-batch", "2", "--still-batch", "2", "--clip-batch", "1"]
    command.main([*options, *folders, *tiny])
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert (record["settings"]["minutes"], record["settings"]["device"]) == (0.01, "cpu")
    assert record["settings"]["scenes"] == 2
    assert min(record["settings"]["vae_steps"], record["settings"]["transformer_steps"]) >= 1
    assert record["settings"]["rate"] == timed.GPU_SETTINGS.rate
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == record["chosen"]
    assert record["chosen"]["validation"]["candidates"] == 9, "three sets of layers at three steps"
    loaded = CogVideoXPipeline.from_pretrained(tmp_path / "model")
    assert loaded.transformer.config.num_layers == 2
    assert loaded.vae.config.scaling_factor != 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--minutes", "0"], "--minutes is 0.0; give more than 0"),
        (["--minutes", "-1"], "--minutes is -1.0; give more than 0"),
        (["--minutes", "1", "--vae-steps", "5", "--clip-steps", "5"], "--vae-steps and --clip-steps cannot be used"),
    ],
)
def test_impossible_options_are_refused(tmp_path, capsys, given, message):
    with pytest.raises(SystemExit):
        command.main([*given, "--work", str(tmp_path), "--model", str(tmp_path / "model")])
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "given", "message"),
    [
        ("clock.json", [], "holds a training with --minutes"),
        ("vae.safetensors", ["--minutes", "1"], "holds a training without --minutes"),
    ],
)
def test_a_folder_of_the_other_kind_of_training_is_refused(tmp_path, capsys, file, given, message):
    (tmp_path / file).touch()
    with pytest.raises(SystemExit):
        command.main([*given, "--work", str(tmp_path)])
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_validation_ends_when_the_time_is_over(tmp_path, monkeypatch):
    export(build.pipeline(**TINY_SIZE), tmp_path / "model", settings={}, logs={})
    tried = []

    def aucs(pipe, scenes, names, *, layers, steps, top_k=5):
        tried.append((*layers, *steps))
        return {name: dict.fromkeys(("objects", "among objects", "motions", "when"), 0.6) for name in names}

    monkeypatch.setattr("imap_fast.demo.validate.mean_auc", aucs)
    entry = validate(tmp_path / "model", scenes=1, is_over=lambda: len(set(tried)) == 4)
    assert list(dict.fromkeys(tried)) == [(0, 30), (0, 40), (0, 45), (1, 30)], "single layers first, at every step"
    assert (entry["validation"]["tried"], entry["validation"]["candidates"]) == (4, 9)
