"""The concept stream's attention as its equation."""

import torch


def concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
) -> torch.Tensor:
    """Softmax attention of a few rows over `[concept rows ; visual rows]`, head by head, in fp32."""
    scale = query.shape[-1] ** -0.5
    heads = zip(query, key, value, visual_key, visual_value, strict=True)
    return torch.stack([_one_head(*head, multiplicity.log(), scale) for head in heads])


def _one_head(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    bias: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    concept_score = query.float() @ key.float().T * scale + bias
    visual_score = query.float() @ visual_key.float().T * scale
    weight = torch.cat([concept_score, visual_score], dim=1).softmax(dim=1)
    concept_weight, visual_weight = weight.split([len(key), len(visual_key)], dim=1)
    return (concept_weight @ value.float() + visual_weight @ visual_value.float()).to(query.dtype)
