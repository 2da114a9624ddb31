"""The benchmark of agreement compares it with the correlation of maps of other noises."""

import json

import numpy as np
import pytest

from benchmarks.agreement import SURROGATES, correlation, main, rank
from imap_fast.maps.names import CONTRASTED


@pytest.mark.slow
def test_it_writes_what_agreement_says_and_what_is_found(tmp_path, capsys) -> None:
    path = tmp_path / "agreement.json"
    main(["--clips", "2", "--noises", "2", "--output", str(path)])
    rows = json.loads(path.read_text())["rows"]
    assert capsys.readouterr().out == f"{len(rows)} rows in {path}\n"
    assert len(rows) == 3 * len(SURROGATES) * len(CONTRASTED)
    assert all(-1 <= row["value"] <= 1 for row in rows)
    assert {row["shape"].partition(", ")[0] for row in rows} == set(CONTRASTED)
    assert all("2 noises" in row["shape"] for row in rows)


def test_correlations_are_those_of_maps_and_of_ranks() -> None:
    one = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert correlation(one, 5 - 2 * one) == pytest.approx(-1)
    assert rank([0.1, 0.2, 0.9], [0.3, 0.4, 0.5]) == pytest.approx(1)
