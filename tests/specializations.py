"""How often a traced run makes Triton compile each kernel.

`TRITON_INTERPRET=0 python -m tests.specializations --prompt --soft`

Triton compiles a kernel anew for each combination of dtypes, of compile-time constants, and of what it sees in the
arguments: whether numbers are 1 or multiples of 16, and whether pointers are aligned.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from unittest import mock

import torch
from triton.backends.compiler import GPUTarget
from triton.compiler.compiler import make_backend
from triton.runtime.jit import create_function_from_signature

import imap_fast
from benchmarks.resources.recording import Launch, recorded_launches
from imap_fast.maps.names import ALL_MAPS, MAP_NAMES
from imap_kernels import backend
from tests.architectures import ARCHITECTURES

LAYERS = 5
SETTINGS = {
    "--concepts": {"maps": MAP_NAMES, "top_k": 3},
    "--soft": {"maps": MAP_NAMES, "top_k": 3, "surrogates": "clip"},
    "--inside": {
        "maps": (*ALL_MAPS, "text_attention"),
        "top_k": 3,
        "keep": ["layers", "steps"],
        "heads": [(0, 1), (0, 4)],
        "regions": {"point": (0.0, 1.0, 1.0), "box": (0.0, 0.0, 0.0, 2.0, 2.0)},
    },
    "--prompt": {"match": "prompt", "top_k": 3},
    "--motion-heads": {"motion_heads": [[layer, 2, 4] for layer in (3, 1, 0, 3, 1)], "maps": MAP_NAMES},
}


def specialization(launch: Launch) -> str:
    """What Triton compiles a launch for, on an H100."""
    kernel = launch.kernel
    bind = create_function_from_signature(kernel.signature, kernel.params, make_backend(GPUTarget("cuda", 90, 32)))
    bound, specialized, options = bind(**launch.arguments, **launch.options)
    constants = [bound[parameter.name] for parameter in kernel.params if parameter.is_constexpr]
    return str((specialized, constants, options))


def specializations(layers: range, steps: int, settings: dict[str, object]) -> dict[str, int]:
    """The number of specializations of each kernel in a trace of these layers and steps."""
    architecture = ARCHITECTURES["cogvideox"]
    # Five heads and layers: an odd number, so that the rows of the layers are aligned in different ways.
    transformer = architecture.transformer(num_layers=LAYERS, num_attention_heads=5)
    inputs = architecture.draw(batch=2)
    arguments = {"layers": layers, "guided": True, "backend": "triton", "fast_attention": True, **settings}
    if "motion_heads" in settings:
        arguments["motion_heads"] = settings["motion_heads"][: len(layers)]
    concepts = None if settings.get("match") == "prompt" else architecture.concepts()
    with (
        torch.no_grad(),
        mock.patch.object(backend, "resolve", return_value="triton"),
        recorded_launches() as launches,
        imap_fast.trace(transformer, concepts, **arguments),
    ):
        for _ in range(steps):
            transformer(**inputs)
    compiled = defaultdict(set)
    for launch in (launch for launch in launches if launch.choice == 0):
        compiled[launch.name].add(specialization(launch))
    return {name: len(found) for name, found in compiled.items()}


if __name__ == "__main__":
    chosen = {name: SETTINGS[name] for name in sys.argv[1:]}
    found = {
        name: [specializations(range(1), 1, each), specializations(range(LAYERS), 2, each)]
        for name, each in chosen.items()
    }
    print(json.dumps(found))
