"""Explains the clips of a data set, all with the same settings."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from imap_fast.evaluate.example import Example
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.names import CONTRASTED, MAP_NAMES, REGION_MAPS, WITHIN_FEATURES, WITHOUT_STREAM
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.registry import adapter_for
from imap_fast.text.words import is_background
from imap_fast.version import versions


class Reader:
    """Explains examples. Arguments and errors are those of `imap_fast.evaluate.evaluate`."""

    def __init__(self, pipe: Any, seed: int, explain_arguments: dict[str, Any]) -> None:
        self.pipe, self.seed = pipe, seed
        self.adapter = adapter_for(pipe)
        self.map_names = MAP_NAMES if self.adapter.has_concept_stream else WITHOUT_STREAM
        # Whatever is annotated passes the model.
        explain_arguments = {"fps": "all", **explain_arguments}
        # Never entered: it checks the settings before the first clip is read.
        explainer = Explainer(pipe, "", ["one", "another"], maps=self.map_names, **explain_arguments)
        self.settings, self.steps, self.forward = explainer.tracer.settings, explainer.steps, explainer.forward
        self.noises, self.shots, self.fps = len(explainer.noises), explainer.shots, explainer.fps
        self.frames_covered = explainer.frames_covered
        # Explicit layers, so that a warning about default layers comes only once. Another VAE is loaded only once.
        self.arguments = {
            **explain_arguments,
            "layers": self.settings.layers,
            "vae": self.forward.encoder.other,
        }

    def prepared(self, example: Example) -> Example:
        """The part of an example that the model sees, with the concepts that it can look for."""
        if self.settings.match == "prompt":
            # The background is not a word of the prompt.
            words = tuple(each for each in example.concepts if not is_background(each))
            example = replace(example, concepts=words)
        return example.cropped_to(self.forward.height, self.forward.width)

    def maps(self, example: Example) -> SaliencyMaps:
        """All maps of an example, from one forward pass."""
        return self._explain(example, maps=self.map_names, **example.words)

    def maps_of_regions(self, example: Example, regions: dict[str, Any]) -> SaliencyMaps:
        """All maps of regions of an example, which looks for no concepts, from one forward pass."""
        names = REGION_MAPS if self.adapter.has_concept_stream else WITHIN_FEATURES
        return self._explain(example, concepts=None, maps=names, regions=regions)

    @property
    def other_surrogates(self) -> str:
        """The surrogates to compare those of the settings with: soft ones of the clip, or the published argmax."""
        return "clip" if self.settings.surrogates == "argmax" else "argmax"

    def maps_of_other_surrogates(self, example: Example) -> SaliencyMaps:
        """`imap` and `gramcol` of an example with `other_surrogates`."""
        return self._explain(example, maps=CONTRASTED, surrogates=self.other_surrogates, **example.words)

    def maps_of_random_heads(self, example: Example, name: str) -> SaliencyMaps:
        """`imap` of an example with random heads. They depend on the seed and the name of the example."""
        rng = np.random.default_rng(list(f"{self.seed} {name}".encode()))
        heads = [rng.choice(self.adapter.num_heads, self.settings.top_k, replace=False) for _ in self.settings.layers]
        # Without gramcol, things and motions are not told apart.
        return self._explain(example, maps=("imap",), motion_heads=heads, concepts=list(example.concepts))

    def _explain(self, example: Example, **arguments: Any) -> SaliencyMaps:
        generator = torch.Generator().manual_seed(self.seed)
        arguments = {**self.arguments, **arguments, "generator": generator}
        # Not `imap_fast.explain`, which would warn of each clip whose maps are not sure.
        with Explainer(self.pipe, example.caption, **arguments) as explainer:
            return explainer.explain(example.shown, start=example.start, end=example.end)

    def record(self) -> dict[str, Any]:
        """The settings of the maps, as JSON values."""
        return {
            **asdict(self.settings),
            "steps": self.steps,
            "noises": self.noises,
            "shots": self.shots,
            "fps": self.fps,
            "num_inference_steps": self.forward.num_inference_steps,
            "height": self.forward.height,
            "width": self.forward.width,
            "vae": self.forward.encoder.description,
            "seed": self.seed,
            "dtype": str(self.pipe.transformer.dtype),
            "device": self.pipe._execution_device.type,
            "versions": versions(),
        }
