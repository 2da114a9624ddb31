"""Runs of things and motions on disk: they come back, resume, and are told from runs without motions."""

import json

import pytest

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.explainer import Explainer
from tests.explaining.runs import killed_after, options_of, refused, same
from tests.explaining.test_explain import READ, clip
from tests.tiny import tiny_pipeline

WORDS = {"concepts": ["cat"], "motions": ["running"]}


def explain(folder, **changed):
    arguments = {"folder": folder, **WORDS, **READ, **changed}
    return imap_fast.explain(tiny_pipeline(), clip(25), "a red cat", **arguments)


@pytest.mark.slow
def test_a_folder_keeps_which_labels_are_motions(tmp_path):
    maps = explain(tmp_path / "run")
    assert maps.motions == ("running",)
    assert maps.labels == ("cat", "running")
    assert same(SaliencyMaps.load(tmp_path / "run"), maps)
    assert same(explain(tmp_path / "run"), maps)


@pytest.mark.slow
def test_it_resumes_to_the_same_maps(tmp_path):
    assert killed_after(1, lambda: explain(tmp_path / "cut"))
    assert same(explain(tmp_path / "cut"), explain(None))


@pytest.mark.slow
def test_other_motions_are_another_run(tmp_path):
    assert killed_after(1, lambda: explain(tmp_path / "run"))
    says = refused(lambda: explain(tmp_path / "run", concepts=["cat", "running"], motions=None))
    assert "motions was ['running'] and is None" in says
    assert "concepts" not in says


@pytest.mark.slow
@pytest.mark.parametrize("motions", [None, []])
def test_a_run_without_motions_has_no_word_of_them(tmp_path, motions):
    """So one that an older version began resumes."""
    assert killed_after(1, lambda: explain(tmp_path / "run", concepts=["cat", "running"], motions=motions))
    assert "motions" not in json.dumps(options_of(tmp_path / "run"))
    assert explain(tmp_path / "run", concepts=["cat", "running"], motions=None).motions == ()


def test_the_explainer_takes_motions():
    assert Explainer(tiny_pipeline(), "a red cat", **WORDS, **READ).labels == ("cat", "running")
