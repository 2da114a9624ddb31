"""Files of maps: what is no such file is refused in one line that names it, and costs neither time nor memory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.maps.raw_files import (
    SETTINGS,
    SUFFIXES,
    assert_refused,
    full_maps,
    members_of,
    npy,
    npy_that_claims,
    parts_of,
    write_file,
    write_members,
)
from tests.maps.test_maps import same
from tests.render.synthetic import make_maps


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "1" * 5000,
        '{"format": 1',
        '{"format": 1} {}',
        "[" * 100_000,
        '{"format":' * 100_000,
        '{"format": 1, "maps": NaN}',
        "\0",
        '"' + "x" * 3_000_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_record_that_is_no_json_object_is_refused(text, suffix, tmp_path):
    assert_refused(write_file(tmp_path / f"maps{suffix}", text, parts_of(full_maps())[1]))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_setting_that_is_no_number_of_json_is_refused(number, suffix, tmp_path):
    record, arrays = parts_of(full_maps())
    text = json.dumps(record).replace("2.5", number)
    assert number in text
    assert_refused(write_file(tmp_path / f"maps{suffix}", text, arrays))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_possible_is_read(suffix, tmp_path):
    record, arrays = parts_of(full_maps())
    loaded = SaliencyMaps.load(write_file(tmp_path / f"maps{suffix}", record, arrays))
    assert same(loaded, full_maps())
    assert torch.equal(loaded.seconds, full_maps().seconds)
    assert loaded.settings["of the future"] == SETTINGS["of the future"]
    loaded.imap[:] = 0  # its memory is its own


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_would_be_refused_is_not_written(suffix, tmp_path):
    for name in ("imap", "head_scores"):
        maps = make_maps()
        getattr(maps, name)[0, 0] = float("nan")
        with pytest.raises(ValueError, match=f"{name} has values that are not finite; run the model in another dtype"):
            maps.save(tmp_path / f"maps{suffix}")
    maps = make_maps()
    maps.settings["fps"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        maps.save(tmp_path / f"maps{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_value_that_is_not_finite_is_found_in_any_part(place, monkeypatch):
    monkeypatch.setattr("imap_fast.maps.values.PART", 1)
    maps = make_maps()
    maps.gramcol[1, place, 2, 3] = float("inf")
    with pytest.raises(ValueError, match="the map gramcol"):
        maps.check_finite()


# What only an .npz can be.


@pytest.fixture
def members(tmp_path) -> dict[str, bytes]:
    """The members of a file that is right."""
    full_maps().save(tmp_path / "whole.npz")
    return members_of(tmp_path / "whole.npz")


MAP = {"descr": "<f4", "fortran_order": False, "shape": (3, 3, 5, 7)}


@pytest.mark.parametrize(
    "header",
    [
        MAP | {"shape": (3, 3, 5, 7_000_000)},
        MAP | {"shape": (3_000_000_000,)},
        MAP | {"shape": (2**62, 2**62)},
        MAP | {"shape": (-3, -3, 5, 7)},
        MAP | {"shape": (3, 3, 5, 6)},
        MAP | {"shape": (1,) * 60 + (315,)},
        MAP | {"shape": (1,) * 70 + (315,)},
        MAP | {"shape": (3, 3, 5, 7.0)},
        MAP | {"descr": "|O"},
        MAP | {"descr": ">f4"},
        MAP | {"descr": "<U1"},
        MAP | {"descr": [("a", "<f4")]},
        MAP | {"descr": "<M8[s]", "shape": (3, 3, 5, 7)},
        MAP | {"descr": "what"},
        MAP | {"fortran_order": True},
    ],
    ids=str,
)
def test_an_array_that_is_not_as_its_header_claims_is_refused(header, members, tmp_path):
    members["map.imap.npy"] = npy_that_claims(header, bytes(4 * 315))
    assert_refused(write_members(tmp_path / "maps.npz", members))


@pytest.mark.parametrize("text", [b"(" * 9000, b"-" * 9000 + b"1", b"{" * 200, b"__import__('os')", b"\xff", b""])
def test_a_header_of_any_text_is_refused(text, members, tmp_path):
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    members["map.imap.npy"] = header + bytes(4 * 315)
    assert_refused(write_members(tmp_path / "maps.npz", members))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x03\x00", b"PK", bytes(300)])
def test_a_member_that_is_no_array_is_refused(content, members, tmp_path):
    members["head_scores.npy"] = content
    assert_refused(write_members(tmp_path / "maps.npz", members))


def test_a_claim_of_much_memory_is_refused_without_taking_it(members, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for sides in (3 * 10**9, 2**44, 2**45):
        members["map.imap.npy"] = npy_that_claims(MAP | {"shape": (sides,)}, b"")
        assert_refused(write_members(tmp_path / "maps.npz", members), "not as large as its shape")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000  # kilobytes


def test_members_that_are_not_arrays_with_a_name_each_are_refused(members, tmp_path):
    path = write_members(tmp_path / "maps.npz", members | {"readme.txt": b"hello"})
    assert_refused(path, "members are not arrays with a name each")
    write_members(path, members)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("map.imap.npy", members["map.imap.npy"])
    assert_refused(path, "members are not arrays with a name each")


def test_compressed_members_are_refused_and_say_so(members, tmp_path):
    bomb = npy(np.zeros(10**7, np.float32))
    path = write_members(tmp_path / "maps.npz", members | {"map.imap.npy": bomb}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    assert_refused(path, "compressed")


def test_what_numpy_wrote_again_is_read(tmp_path):
    full_maps().save(tmp_path / "whole.npz")
    with np.load(tmp_path / "whole.npz") as arrays:
        np.savez(tmp_path / "again.npz", **arrays)
    assert same(SaliencyMaps.load(tmp_path / "again.npz"), full_maps())


def test_the_layout_in_memory_does_not_show_in_the_file(tmp_path):
    maps = make_maps(grid=(3, 1, 1))
    maps.save(tmp_path / "one.npz")
    # As `explain` leaves them on disk: latent frames first.
    others = {name: values.transpose(0, 1).contiguous().transpose(0, 1) for name, values in maps.maps.items()}
    assert not others["imap"].is_contiguous()
    replace(maps, maps=others).save(tmp_path / "other.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_a_file_of_more_than_2_gib_can_be_written(tmp_path, monkeypatch):
    """Such members need a longer header; here from 100 bytes on."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    maps = full_maps()
    maps.save(tmp_path / "maps.npz")
    assert torch.equal(SaliencyMaps.load(tmp_path / "maps.npz").imap, maps.imap)


# What only a .safetensors can be.


def test_without_its_digest_it_is_refused(tmp_path):
    path = tmp_path / "maps.safetensors"
    full_maps().save(path)
    with safe_open(path, "np") as file:
        metadata, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, path, {"imap_fast": metadata["imap_fast"]})
    assert_refused(path, "sha256 is missing")
    save_file(arrays, path, metadata)
    assert same(SaliencyMaps.load(path), full_maps())
    arrays["map.imap"][0, 0, 0, 0] += 1
    save_file(arrays, path, metadata)
    assert_refused(path, "sha256")


def test_a_full_disk_is_an_error_of_the_file_system(tmp_path, monkeypatch):
    def full(*arguments: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("imap_fast.maps.storage.save_file", full)
    with pytest.raises(OSError, match=r"maps\.safetensors cannot be written \(No space left on device\)"):
        full_maps().save(tmp_path / "maps.safetensors")
    assert list(tmp_path.iterdir()) == []


# Of the file system.


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_opened_is_an_error_of_the_file_system(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"maps{suffix}"
    full_maps().save(path)

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match="maps"):
        SaliencyMaps.load(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_other_kind_of_file_is_refused(suffix, tmp_path):
    (other_suffix,) = set(SUFFIXES) - {suffix}
    full_maps().save(tmp_path / f"maps{other_suffix}")
    shutil.move(tmp_path / f"maps{other_suffix}", tmp_path / f"maps{suffix}")
    assert_refused(tmp_path / f"maps{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_pipe_is_not_waited_for(suffix, tmp_path):
    os.mkfifo(tmp_path / f"maps{suffix}")
    with pytest.raises(ValueError, match="is a folder or a device; give the file"):
        SaliencyMaps.load(tmp_path / f"maps{suffix}")
