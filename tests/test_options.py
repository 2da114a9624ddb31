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
