"""Machine code of every kernel, and the predicted time of each launch of a layer, for GPUs that may not be here.

`python -m benchmarks.resources --arch 80 89 90 100 120 --json`
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from itertools import product

from benchmarks.resources.compilation import compile_launch, source
from benchmarks.resources.layer import all_launches
from benchmarks.resources.machine_code import Row, resources
from benchmarks.resources.multiprocessor import LIMITS
from benchmarks.resources.prediction import CLIPS, predict_all, table


def measure_all(architectures: list[int], models: list[str]) -> list[Row]:
    """A row for each distinct kernel of each model and architecture."""
    rows = []
    for model in models:
        distinct = {source(launch).hash() + launch.configuration: launch for launch in all_launches(model)}
        for arch, launch in product(architectures, distinct.values()):
            rows.append(resources(compile_launch(launch, arch), launch.name, model, launch.configuration, arch))
    return rows


def main() -> None:
    """Print the rows, then the predictions. The exit code is 1 if a kernel spills."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", type=int, nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--models", nargs="+", choices=CLIPS, default=list(CLIPS))
    parser.add_argument("--json", action="store_true", help="print kernels and launches as JSON")
    arguments = parser.parse_args()
    if os.environ.get("TRITON_INTERPRET") == "1":
        parser.error("TRITON_INTERPRET=1 leaves nothing to compile; unset it")
    rows = measure_all(arguments.arch, arguments.models)
    predictions = predict_all(arguments.models)
    if arguments.json:
        print(json.dumps({"kernels": [*map(asdict, rows)], "launches": [*map(asdict, predictions)]}, indent=1))
    else:
        for row in rows:
            print(
                f"{row.kernel:20} {row.model} sm_{row.arch:<3} {row.registers:3} registers {row.spills:4} B spilled "
                f"{row.shared_bytes:6} B shared {row.occupancy:5.0%} occupancy  {row.configuration}"
            )
        print(f"\nA layer with eight concepts on sm_90, predicted:\n\n{table(predictions)}")
    sys.exit(any(row.spills for row in rows))


if __name__ == "__main__":
    main()
