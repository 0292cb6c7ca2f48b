"""The shapes of text encoder, UNet and noise schedule, in diffusers' and transformers' own terms."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from norms import use_kernels
from tokenizer import POSITIONS
from workplace import DEVICE

WIDTH = 256
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "projection_dim": WIDTH,
    "max_position_embeddings": POSITIONS,
    "hidden_act": "quick_gelu",
}
UNET = {
    "sample_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (64, 96, 160, 224),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": WIDTH,
    "attention_head_dim": (2, 3, 5, 7),
    "norm_num_groups": 1,  # as in the autoencoder; with 8, the norms' backward pass takes a tenth of the time
}
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


def scheduler():
    """v-prediction with zero terminal SNR (Lin et al. 2023)."""
    return DDIMScheduler(**SCHEDULER)


def load_tokenizer(work):
    """The vocabulary, and a function from texts to ids [n, POSITIONS]."""
    tokenizer = CLIPTokenizer.from_pretrained(f"{work}/tokenizer")
    return tokenizer, lambda texts: torch.tensor(
        tokenizer(list(texts), padding="max_length", max_length=POSITIONS, truncation=True).input_ids
    )


def build(tokenizer, start=None):
    """Text encoder and UNet: fresh, or those in the folder `start`."""
    if start:
        text, unet = (
            CLIPTextModel.from_pretrained(f"{start}/text_encoder"),
            UNet2DConditionModel.from_pretrained(f"{start}/unet"),
        )
        text, unet = text.float(), unet.float()
    else:
        marks = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
        text, unet = (
            CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), **marks, **TEXT)),
            UNet2DConditionModel(**UNET),
        )
        nn.init.zeros_(unet.conv_out.weight)
    unet = use_kernels(unet.to(memory_format=torch.channels_last))
    if DEVICE.type == "cpu":  # where the fused attention's backward pass is slower than plain products
        unet.set_attn_processor(AttnProcessor())
        text.set_attn_implementation("eager")
    return nn.ModuleDict({"text": text, "unet": unet}).to(DEVICE)
