"""Times of the saliency kernels beside a copy, the references and the layer's own attention call.

`python -m benchmarks.kernels` on a machine with a GPU writes `benchmarks/results/kernels-<device>.json`.
"""

import argparse
import datetime
import json
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import imap_kernels
from benchmarks.cases import OPERATIONS, Case
from benchmarks.shapes import LAYERS, TEXT_TOKENS, Layer, draw

RESULTS = Path(__file__).parent / "results"
TARGET = LAYERS["2b-49x480x720"]
TARGET_KEYS = 9
TINY = Layer("tiny", heads=2, dim=16, frames=2, patches=5)
SALIENCY = ("qk_match", "frame_separation", "gram_column", "concept_attention")


class Plugin:
    """Hands the cases to `benchmarks/timing.py`, and takes the medians."""

    def __init__(self, cases: list[Case]):
        self.cases = cases
        self.results: dict[Case, float] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One timed function per case."""
        metafunc.parametrize("case", self.cases, ids=str)

    @pytest.fixture
    def medians(self) -> dict[Case, float]:
        """Where the timed function leaves its result."""
        return self.results


def cases(layers: Sequence[Layer], key_counts: Sequence[int], compare: bool) -> list[Case]:
    """A copy; then for every layer its attention call and every operation, beside its references where `compare`."""
    copy = Case("copy", layers[0], key_counts[0], "torch")
    attention = [Case("attention", layer, key_counts[0], "torch") for layer in layers]
    saliency = [
        Case(operation, layer, keys, "triton")
        for layer in layers
        for operation in OPERATIONS
        for keys in (key_counts[:1] if operation in ("frame_separation", "qk_norm_rope") else key_counts)
    ]
    if not compare:
        return [copy, *attention, *saliency]
    references = [Case(c.operation, c.layer, c.keys, v) for c in saliency for v in ("reference", "compiled")]
    return [copy, *attention, *saliency, *[case for case in references if case.keys == key_counts[0]]]


def rows(medians: dict[Case, float]) -> list[dict[str, object]]:
    """Times, bytes and bandwidths of every case, then the figures that have a target."""
    bandwidth = {case: case.bytes_moved() / seconds for case, seconds in medians.items()}
    copy = next(value for case, value in bandwidth.items() if case.operation == "copy")
    table = []
    for case, seconds in medians.items():
        name = case.operation if case.variant in ("triton", "torch") else f"{case.operation}_{case.variant}"
        for quantity, value, unit in (
            ("time", seconds * 1e6, "us"),
            ("bytes", case.bytes_moved(), "B"),
            ("bandwidth", bandwidth[case] / 1e9, "GB/s"),
            ("bandwidth_over_copy", bandwidth[case] / copy, "ratio"),
        ):
            table.append({"name": f"{name}_{quantity}", "shape": case.shape, "value": value, "unit": unit})

    of_target = {
        c.operation: c for c in medians if c.layer == TARGET and c.keys == TARGET_KEYS and c.variant == "triton"
    }
    attention = Case("attention", TARGET, TARGET_KEYS, "torch")
    for operation in ("qk_match", "frame_separation", "gram_column", "qk_norm_rope"):
        if operation in of_target:
            ratio = bandwidth[of_target[operation]] / copy
            table.append({"name": f"{operation}_bandwidth_2b", "shape": TARGET.name, "value": ratio, "unit": "ratio"})
    if attention in medians and set(SALIENCY) <= set(of_target):
        ratio = sum(medians[of_target[operation]] for operation in SALIENCY) / medians[attention]
        table.append({"name": "saliency_over_attention_2b", "shape": TARGET.name, "value": ratio, "unit": "ratio"})
    return table


def extra_memory(layer: Layer, keys: int) -> int:
    """Bytes that one layer's saliency allocates on the GPU at its peak, beside its inputs and the running maps."""
    t = draw(layer, keys, device="cuda", dtype=torch.bfloat16)
    maps = torch.zeros(2, keys, layer.tokens, device="cuda")

    def saliency() -> None:
        rows = (t.text, t.text, t.text, t.key, t.value)
        imap_kernels.concept_attention(*rows, multiplicity=t.multiplicity)
        index = imap_kernels.qk_match(t.query, t.text, frames=layer.frames)
        imap_kernels.frame_separation(t.output, frames=layer.frames)
        weights = {"multiplicity": t.multiplicity, "head_weights": t.head_weights}
        imap_kernels.gram_column(t.output, index, out=maps, **weights)

    saliency()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    saliency()
    return torch.cuda.max_memory_allocated() - before


def write(table: list[dict[str, object]], path: Path) -> None:
    """Write the rows with device, date and versions, whole or not at all."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.cuda.is_available():
        import triton

        versions |= {"triton": triton.__version__, "cuda": torch.version.cuda}
    report = {"device": device, "date": datetime.date.today().isoformat(), "versions": versions, "rows": table}
    path.parent.mkdir(parents=True, exist_ok=True)
    sibling = path.with_suffix(".tmp")
    sibling.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(sibling, path)


def main(argv: Sequence[str] | None = None) -> int:
    """Time the cases that were asked for; 0 where all of them ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument(
        "--keys", type=int, nargs="+", default=[9, 2, 33, TEXT_TOKENS], help="text keys, padding included"
    )
    parser.add_argument("--compare", action="store_true", help="time the references too, at the first number of keys")
    parser.add_argument("--tiny", action="store_true", help="a tiny layer, which Triton's interpreter can run on a CPU")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/kernels-<device>.json")
    arguments = parser.parse_args(argv)
    gpu = torch.cuda.is_available()
    if not gpu and not (arguments.tiny and os.environ.get("TRITON_INTERPRET") == "1"):
        parser.error("no CUDA device here; add --tiny and set TRITON_INTERPRET=1 to try the benchmark on a CPU")
    layers = [TINY] if arguments.tiny else [LAYERS[name] for name in arguments.layers]

    plugin = Plugin(cases(layers, arguments.keys, arguments.compare))
    timing = str(Path(__file__).with_name("timing.py"))
    status = pytest.main(["-o", "addopts=", "-p", "no:cacheprovider", "-q", timing], plugins=[plugin])
    if not any(case.operation == "copy" for case in plugin.results):
        return 1
    table = rows(plugin.results)
    if gpu:
        extra = extra_memory(TARGET, TARGET_KEYS)
        table.append({"name": "extra_memory_2b", "shape": TARGET.name, "value": extra, "unit": "B"})
    name = re.sub(r"\W+", "-", torch.cuda.get_device_name() if gpu else platform.machine()).lower()
    path = arguments.output or RESULTS / f"kernels-{name}.json"
    write(table, path)
    print(f"{len(table)} rows in {path}")
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main())
