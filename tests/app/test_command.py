"""`imap-fast app`: errors at its start."""

import os
import socket
import sys

import pytest

from imap_fast.cli import main


def test_without_gradio_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app"]) == 2
    assert capsys.readouterr().err == "imap-fast: the app needs Gradio: pip install 'imap-fast[app]'\n"


@pytest.mark.slow
def test_a_model_that_is_not_there_is_wrong_use(capsys):
    pytest.importorskip("gradio", reason="pip install 'imap-fast[app]' to test the app")
    assert main(["app", "--model", "./nowhere"]) == 2
    assert "--model ./nowhere: no such folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_port_that_is_taken_is_wrong_use(tiny_folder, tmp_path, monkeypatch, capsys):
    pytest.importorskip("gradio", reason="pip install 'imap-fast[app]' to test the app")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "--model", str(tiny_folder), "--port", str(port)]) == 2
    assert f"--host 127.0.0.1 --port {port}: this address is not available" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
