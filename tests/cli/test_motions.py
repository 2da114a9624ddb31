"""`--motions` beside `--concepts`."""

import json

import pytest

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.option_groups import ConceptOptions
from tests.cli.test_commands import explain, video  # noqa: F401  (fixtures)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"concepts": "cat, dog"}, {"concepts": ["cat", "dog"]}),
        ({"concepts": "cat", "motions": "runs, falls"}, {"concepts": ["cat"], "motions": ["runs", "falls"]}),
        ({"motions": "runs"}, {"concepts": None, "motions": ["runs"]}),
    ],
)
def test_words_are_arguments_of_a_trace(given, words):
    assert ConceptOptions(**given).words("concepts") == words


def test_a_missing_map_is_found_before_the_model_is_loaded():
    with pytest.raises(ValueError, match="maps lacks gramcol"):
        ConceptOptions(concepts="cat", motions="runs", maps="imap").words("concepts")


@pytest.mark.slow
def test_explain_shows_each_label_by_its_map(explain, tmp_path, capsys):  # noqa: F811
    assert explain("--motions", "running", "--noises", "2") == 0
    folder = tmp_path / "out"
    maps, record = SaliencyMaps.load(folder / "maps.npz"), json.loads((folder / "run.json").read_text())
    assert maps.motions == ("running",)
    assert maps.labels == ("red circle", "../grass/$x^2$", "running")
    assert record["settings"]["motions"] == record["options"]["motions"] == ["running"]
    least, most = (f"{value:.2f}" for value in (maps.agreement.min(), maps.agreement.max()))
    assert f"agreement {least}" + ("" if least == most else f" to {most}") in capsys.readouterr().out
    assert explain("--motions", "running", "--noises", "2") == 0, "a finished run is not repeated"
    assert "done before" in capsys.readouterr().out
    assert explain("--noises", "2") == 2
    assert "motions was ['running'] and is None" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_without_motions_has_no_word_of_them(explain, tmp_path):  # noqa: F811
    assert explain() == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "motions" not in record["settings"]
    assert "motions" not in record["options"]


@pytest.mark.slow
def test_generate_looks_for_motions_alone(tiny_folder, tmp_path):
    arguments = ["--model", tiny_folder, "--prompt", "a red circle", "--motions", "running, slide", "--layers", "1"]
    sizes = ["--height", 32, "--width", 48, "--num-frames", 9, "--num-inference-steps", 2, "--top-k", 2]
    assert main(["generate", *map(str, [*arguments, *sizes, "--output", tmp_path / "out"])]) == 0
    assert SaliencyMaps.load(tmp_path / "out" / "maps.npz").motions == ("running", "slide")
