"""How the text of options is read."""

from dataclasses import dataclass

import pytest
import typer

from imap_fast.cli import option_groups, options
from imap_fast.cli.option_groups import TraceOptions, WindowOptions


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
def best_of_demo(monkeypatch):
    """The layers, steps and `top_k` that suit the demo model, and no other."""
    monkeypatch.setattr(option_groups, "best_settings", lambda: {"layers": [7, 8], "steps": [49], "top_k": 3})


@pytest.mark.usefixtures("best_of_demo")
@pytest.mark.parametrize(("model", "layers", "top_k"), [("demo", [7, 8], 3), ("THUDM/CogVideoX-2b", None, 5)])
def test_the_demo_has_layers_and_heads_of_its_own(model, layers, top_k):
    arguments = TraceOptions().trace_arguments(model)
    assert (arguments["layers"], arguments["top_k"]) == (layers, top_k)
    arguments = TraceOptions(layers="1", top_k=2).trace_arguments(model)
    assert (arguments["layers"], arguments["top_k"]) == ([1], 2)


@pytest.mark.usefixtures("best_of_demo")
@pytest.mark.parametrize(
    ("model", "steps", "num_inference_steps", "expected"),
    [("demo", None, None, [49]), ("demo", [3], None, [3]), ("demo", None, 10, None), ("other", None, None, None)],
)
def test_the_demo_has_a_step_of_its_own_in_its_own_schedule(model, steps, num_inference_steps, expected):
    windows = WindowOptions(num_inference_steps=num_inference_steps)
    assert windows.explain_arguments(model, steps)["steps"] == expected


def test_each_field_of_a_group_is_an_option_of_the_command():
    @dataclass(frozen=True, kw_only=True)
    class Group:
        model: options.Model
        seed: options.Seed = 0

    received = []

    def command(group: Group, as_json: options.Json = False) -> None:
        """Says what it got."""
        received.append((group, as_json))

    app = typer.Typer()
    app.command()(option_groups.with_option_groups(command))
    app(["--model", "demo", "--seed", "3", "--json"], standalone_mode=False)
    app(["--model", "demo"], standalone_mode=False)
    assert received == [(Group(model="demo", seed=3), True), (Group(model="demo"), False)]


def test_a_byte_order_mark_is_no_part_of_a_concept(tmp_path):
    (tmp_path / "concepts.txt").write_text("red circle\n\nsquare\n", encoding="utf-8-sig")
    assert options.concept_words(None, "concepts", tmp_path / "concepts.txt") == ["red circle", "square"]
