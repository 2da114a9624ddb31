"""Mutations of files of maps, from bytes that flip to records that somebody wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.maps.raw_files import SUFFIXES, full_maps, members_of, npy_that_claims, parts_of, write_file, write_members
from tests.render.synthetic import make_maps

MAPS = (full_maps, lambda: make_maps(videos=2), lambda: make_maps(("a",), grid=(1, 1, 1), prompt=["x"]))

EXTREMES = (0, -1, 1, 2**31, 2**63, 10**30, -0.0, 1e300, -1e-300, 3.4e38, 5e-324, "", "x" * 10_000, "\u202e\0\n$", None)
KEYS = ("maps", "labels", "video", "keep", "heads", "num_frames", "prompt", "head_score", "runs", "seed", "x", "")
NAMES = st.sampled_from(KEYS) | st.text()
JSON = st.recursive(
    st.sampled_from(EXTREMES) | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(NAMES, values, max_size=4),
    max_leaves=10,
)

NO_ARRAYS = (
    "map.heat",
    "seconds",
    "map.cross_attention",
    "spread.imap",
    "agreement.gramcol",
    "kept.imap",
    "single_heads",
    "text_attention",
    "../x",
    "imap",
    "\n",
)
DTYPES = ("<f4", "<f8", "<i8", "|u1", "<f2", ">f4", "<i4", "|b1", "<c8", "<U2", "|S1", "<M8[s]")
SIDES = st.integers(-2, 9) | st.sampled_from((2**31, 2**40, 2**62, 10**30))
VALUES = st.sampled_from((float("nan"), float("inf"), -float("inf"), 3.4e38, -3.4e38, 1e-45, 0.0, -1.0, 2.0, 6.0, 1e18))


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Bits flipped, a part cut out, inserted, overwritten, or exchanged with another; or cut off."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place, length = draw(st.integers(0, max(len(changed) - 1, 0))), draw(st.integers(1, 64))
        kind = draw(st.sampled_from(("flip", "cut out", "insert", "overwrite", "repeat", "cut off")))
        if kind == "flip" and changed:
            changed[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut out":
            del changed[place : place + length]
        elif kind == "insert":
            changed[place:place] = draw(st.binary(min_size=1, max_size=length))
        elif kind == "overwrite":
            changed[place : place + length] = draw(st.sampled_from((b"\0", b"\xff", b"9", b"["))) * length
        elif kind == "repeat":
            source = draw(st.integers(0, len(changed)))
            changed[place : place + length] = changed[source : source + length]
        elif kind == "cut off":
            del changed[place:]
    return bytes(changed)


def places_of(value: Any) -> list[tuple[Any, Any]]:
    """Every object or list in a JSON value, with each of its keys."""
    if not isinstance(value, (dict, list)):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in places_of(value[key])]


@st.composite
def changed_record(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    """Values anywhere in the record replaced by other ones, removed, or added."""
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(places_of(record) or [(record, "x")]))
        kind = draw(st.sampled_from(("replace", "replace", "remove", "add", "exchange")))
        if kind == "remove":
            holder.pop(key, None) if isinstance(holder, dict) else holder.pop()
        elif kind == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = draw(JSON)
        elif kind == "exchange" and isinstance(holder, dict) and key in holder:
            another = draw(st.sampled_from(sorted(holder)))
            holder[key], holder[another] = holder[another], holder[key]
        else:
            holder[key] = draw(JSON)
    return record


@st.composite
def changed_arrays(draw: st.DrawFn, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays with other values, of another type or shape, exchanged, renamed or missing."""
    name = draw(st.sampled_from(sorted(arrays)))
    array = arrays[name]
    kind = draw(st.sampled_from(("value", "value", "type", "shape", "exchange", "rename", "remove")))
    if kind == "value":
        with np.errstate(all="ignore"):
            array.flat[draw(st.integers(0, array.size - 1))] = np.float64(draw(VALUES)).astype(array.dtype)
    elif kind == "type":
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(draw(st.sampled_from(("<f4", "<f8", "<i8", "|u1", "<f2", "<i4", "|b1"))))
    elif kind == "shape":
        shape = draw(st.permutations(array.shape)) if draw(st.booleans()) else (*array.shape, 1)
        arrays[name] = array.reshape(shape)
    elif kind == "exchange":
        another = draw(st.sampled_from(sorted(arrays)))
        arrays[name], arrays[another] = arrays[another], arrays[name]
    else:
        removed = arrays.pop(name)
        if kind == "rename":
            arrays[draw(st.sampled_from(NO_ARRAYS))] = removed
    return arrays


@st.composite
def changed_members(draw: st.DrawFn, members: dict[str, bytes]) -> dict[str, bytes]:
    """A member of an .npz with another header, with damaged bytes, or exchanged with another one."""
    name = draw(st.sampled_from(sorted(members)))
    kind = draw(st.sampled_from(("header", "bytes", "exchange")))
    if kind == "header":
        header = {
            "descr": draw(st.sampled_from(DTYPES)),
            "fortran_order": draw(st.booleans()),
            "shape": tuple(draw(st.lists(SIDES, max_size=6))),
        }
        members[name] = npy_that_claims(header, members[name][128 : 128 + draw(st.integers(0, 2000))])
    elif kind == "bytes":
        members[name] = draw(damaged_bytes(members[name]))
    else:
        another = draw(st.sampled_from(sorted(members)))
        members[name], members[another] = members[another], members[name]
    return members


@st.composite
def mutated_files(draw: st.DrawFn, folder: Path) -> tuple[str, SaliencyMaps, Path]:
    """The kind of a mutation, the maps, and the file in `folder` that it was applied to."""
    path = folder / f"maps{draw(st.sampled_from(SUFFIXES))}"
    maps = draw(st.sampled_from(MAPS))()
    kind = draw(st.sampled_from(("bytes", "record", "text", "arrays", "members")))
    record, arrays = parts_of(maps)
    if kind == "bytes":
        maps.save(path)
        path.write_bytes(draw(damaged_bytes(path.read_bytes())))
    elif kind == "record":
        write_file(path, draw(changed_record(record)), arrays)
    elif kind == "text":
        text = draw(damaged_bytes(json.dumps(record).encode())).decode("utf-8", "replace")
        write_file(path, text, arrays)
    elif kind == "arrays":
        write_file(path, record, draw(changed_arrays(arrays)))
    else:
        path = path.with_suffix(".npz")
        maps.save(path)
        write_members(path, draw(changed_members(members_of(path))))
    return kind, maps, path
