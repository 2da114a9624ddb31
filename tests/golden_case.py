"""Inputs and outputs of the published implementation on small random models."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import CogVideoXTransformer3DModel, HunyuanVideoTransformer3DModel, WanTransformer3DModel
from safetensors import safe_open
from torch import Tensor, nn

from tests.precision import doubled, in_fp64

FOLDER = Path(__file__).parent / "golden"
MODELS = {
    "cogvideox": CogVideoXTransformer3DModel,
    "hunyuan_video": HunyuanVideoTransformer3DModel,
    "wan": WanTransformer3DModel,
}
NAMES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))


@dataclass(frozen=True)
class GoldenCase:
    """One file of `golden/`: a model, the arguments of a forward pass, and the maps of the method."""

    name: str
    transformer: nn.Module
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    metadata: dict[str, str]

    @classmethod
    def load(cls, name: str) -> GoldenCase:
        with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        groups: dict[str, dict[str, Tensor]] = {"weights": {}, "in": {}, "out": {}}
        for key, tensor in tensors.items():
            group, _, rest = key.partition(".")
            groups[group][rest] = tensor
        transformer = MODELS[metadata.get("architecture", "cogvideox")](**json.loads(metadata["config"])).eval()
        transformer.load_state_dict(groups["weights"])
        return cls(name, transformer, groups["in"], groups["out"], metadata)

    def in_fp64(self) -> GoldenCase:
        """The same case in fp64."""
        return replace(self, transformer=in_fp64(self.transformer), inputs=doubled(self.inputs))

    def on(self, device: torch.device) -> GoldenCase:
        """The same case on `device`."""
        inputs = {name: value.to(device) for name, value in self.inputs.items()}
        return replace(self, transformer=self.transformer.to(device), inputs=inputs)

    @property
    def architecture(self) -> str:
        """A key of `MODELS`."""
        return self.metadata.get("architecture", "cogvideox")

    def forward(self) -> Tensor:
        """The output of the model for the batch of the case. That of CogVideoX is (unconditional, conditional)."""
        inputs = {
            "hidden_states": self.inputs["latents"],
            "encoder_hidden_states": self.inputs["prompt_embeds"],
            "timestep": self.inputs["timestep"],
        }
        if "rope_cos" in self.inputs:
            inputs["image_rotary_emb"] = (self.inputs["rope_cos"], self.inputs["rope_sin"])
        if self.architecture == "hunyuan_video":
            inputs["encoder_attention_mask"] = self.inputs["prompt_mask"]
            inputs["pooled_projections"] = self.inputs["pooled"]
            inputs["guidance"] = self.inputs["guidance"]
        with torch.no_grad():
            return self.transformer(**inputs).sample

    @property
    def concepts(self) -> Tensor | None:
        """Concept embeddings `[C, D]` of the conditional half. None if the model has no concept stream."""
        return self.inputs["concept_embeds"][-1] if "concept_embeds" in self.inputs else None

    def value(self, name: str):
        """A value of the metadata, parsed as JSON."""
        return json.loads(self.metadata[name])

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of `imap_fast.trace` for the maps of this case."""
        return {
            "match": self.metadata["target"],
            "head_score": self.metadata["separation"].lower(),
            "top_k": self.value("topk"),
            "normalize": "softmax" if self.metadata["softmax"] == "True" else "none",
            "guided": self.architecture == "cogvideox",
        }
