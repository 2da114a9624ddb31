"""The digest changes with anything in a record or its arrays."""

import numpy as np

from imap_fast.maps.digest import digest_of

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(2)}


def test_order_and_memory_layout_do_not_matter():
    apart = {"b": ARRAYS["b"], "a": np.asfortranarray(ARRAYS["a"])}
    assert digest_of("{}", apart) == digest_of("{}", ARRAYS)


def test_everything_else_does():
    values = ARRAYS["a"].copy()
    values.view(np.uint32)[1, 2] ^= 1
    others = [
        digest_of("{ }", ARRAYS),
        digest_of("{}", {"a": ARRAYS["a"]}),
        digest_of("{}", {"a": values, "b": ARRAYS["b"]}),
        digest_of("{}", {"a": ARRAYS["a"].T, "b": ARRAYS["b"]}),
        digest_of("{}", {"a": ARRAYS["a"].reshape(3, 2), "b": ARRAYS["b"]}),
        digest_of("{}", {"a": ARRAYS["a"].view(np.int32), "b": ARRAYS["b"]}),
        digest_of("{}", {"c": ARRAYS["a"], "b": ARRAYS["b"]}),
    ]
    assert len({digest_of("{}", ARRAYS), *others}) == 1 + len(others)
