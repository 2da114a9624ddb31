"""How the text of options is read."""

import pytest
import typer

from imap_fast.cli import options


@pytest.mark.parametrize(
    ("text", "found"), [("4", [4]), ("4,6,10-13", [4, 6, 10, 11, 12, 13]), (" 1 , 2 - 3 ", [1, 2, 3]), ("0-0", [0])]
)
def test_lists_of_indices(text, found):
    assert options.indices(text, "--layers") == found


@pytest.mark.parametrize("text", ["", ",", "1,", "-1", "2-", "3-2", "1.5", "²", "a-b", "1--2"])
def test_what_is_no_list_of_indices(text):
    with pytest.raises(typer.BadParameter, match="4,6,10-23"):
        options.indices(text, "--layers")


@pytest.fixture
def usual(monkeypatch):
    """The arguments of commands that leave all to their defaults; the demo's model is best read as nothing else is."""
    monkeypatch.setattr(options, "chosen", lambda: {"layers": [7, 8], "steps": [49], "top_k": 3})
    names = {"match": "concepts", "head_score": "chi", "normalize": "none", "maps": "imap", "pooling": "first"}
    names |= {"layers": None, "steps": None, "top_k": None}
    return names | {"no_background": False, "backend": "auto", "attention_backend": None}


@pytest.mark.parametrize(("model", "layers", "top_k"), [("demo", [7, 8], 3), ("THUDM/CogVideoX-2b", None, 5)])
def test_the_demo_has_layers_and_heads_of_its_own(usual, model, layers, top_k):
    arguments = options.trace_arguments(model, **usual)
    assert (arguments["layers"], arguments["top_k"]) == (layers, top_k)
    arguments = options.trace_arguments(model, **usual | {"layers": "1", "top_k": 2})
    assert (arguments["layers"], arguments["top_k"]) == ([1], 2)


@pytest.mark.parametrize(
    ("model", "steps", "of", "found"),
    [("demo", None, None, [49]), ("demo", [3], None, [3]), ("demo", None, 10, None), ("other", None, None, None)],
)
def test_the_demo_has_a_step_of_its_own_in_its_own_schedule(usual, model, steps, of, found):
    assert options.explained_steps(model, steps, of) == found
