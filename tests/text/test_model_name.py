"""Names of models: those that people know, and never a folder of somebody's machine."""

import os

import pytest

from imap_fast.text.model_name import model_name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("", ""),
        ("demo", "demo"),
        ("gpt2", "gpt2"),
        ("THUDM/CogVideoX-2b", "THUDM/CogVideoX-2b"),
        ("/home/jane/models/CogVideoX-2b", "CogVideoX-2b"),
        ("/home/jane/models/CogVideoX-2b//", "CogVideoX-2b"),
        ("./models/CogVideoX-2b", "CogVideoX-2b"),
        ("~/CogVideoX-2b", "CogVideoX-2b"),
        ("models/jane/CogVideoX-2b", "CogVideoX-2b"),
        ("C:\\Users\\jane\\CogVideoX-2b", "CogVideoX-2b"),
        ("/x/hub/models--THUDM--CogVideoX-2b/snapshots/0123abc", "THUDM/CogVideoX-2b"),
        ("/x/hub/models--THUDM--CogVideoX-2b/snapshots/0123abc/transformer", "THUDM/CogVideoX-2b"),
        ("/x/hub/models--gpt2/snapshots/0123abc", "gpt2"),
        ("/home/jane/un modèle", "un modèle"),
    ],
)
def test_a_model_is_named_without_its_folder(source, name):
    assert model_name(source) == name


def test_a_folder_that_is_written_like_an_id_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jane" / "model").mkdir(parents=True)
    assert model_name("jane/model") == "model"
    assert model_name(".") == tmp_path.name
    assert model_name(os.curdir + "/jane/..") == tmp_path.name
