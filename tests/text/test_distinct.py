"""Names that differ."""

import pytest

from imap_fast.text.distinct import distinct


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "b", "a", "a"], ["a", "b", "a (2)", "a (3)"]),
        (["a", "a (2)", "a"], ["a", "a (2)", "a (3)"]),
    ],
)
def test_a_name_that_is_there_gets_a_number(names, expected):
    assert distinct(iter(names)) == expected
