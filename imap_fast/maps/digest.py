"""The digest of a record and its tensors. It shows whether a file holds what was written."""

import hashlib
from collections.abc import Mapping

import numpy as np


def digest_of(record: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a record and of the names, types, shapes and values of arrays, as hexadecimal digits.

    Args:
        record: JSON text.
        arrays: by name, in any order.
    """
    digest = hashlib.sha256(record.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
