"""A small SAM 2 with random weights, saved as published ones are."""

from pathlib import Path

import torch
from transformers import (
    Sam2HieraDetConfig,
    Sam2VideoConfig,
    Sam2VideoMaskDecoderConfig,
    Sam2VideoModel,
    Sam2VideoPromptEncoderConfig,
    Sam2VisionConfig,
)

SIDE, WIDE = 64, 128
"""The side of its pictures, and its width: an object pointer is split into several memories of 64."""


def save_tiny_sam2(folder: Path) -> str:
    """Write the model to a folder, whose path is returned."""
    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 1, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[],
        window_positional_embedding_background_size=[4, 4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=WIDE,
    )
    prompts = Sam2VideoPromptEncoderConfig(hidden_size=WIDE, image_size=SIDE, patch_size=16, mask_input_channels=4)
    decoder = Sam2VideoMaskDecoderConfig(
        hidden_size=WIDE, mlp_dim=WIDE, num_attention_heads=2, iou_head_hidden_dim=WIDE
    )
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=prompts,
        mask_decoder_config=decoder,
        image_size=SIDE,
        memory_attention_hidden_size=WIDE,
        memory_attention_num_layers=1,
        memory_attention_num_attention_heads=1,
        memory_attention_feed_forward_hidden_size=WIDE,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=WIDE,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=WIDE,
        memory_fuser_embed_dim=WIDE,
        memory_fuser_intermediate_dim=WIDE,
        num_maskmem=3,
        max_object_pointers_in_encoder=4,
    )
    torch.manual_seed(0)
    model = Sam2VideoModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.15)  # as large as those of a trained model, so that prompts matter
        score = model.mask_decoder.pred_obj_score_head.proj_out
        score.weight.zero_()
        score.bias.fill_(5)  # it sees an object in every frame
    model.save_pretrained(folder)
    return str(folder)
