"""Models of real size with random weights, as diffusers folders in f16: for loading and memory.

    python tests/bench/full_size.py sd15|sd21|sdxl FOLDER

The weights keep values in range and mean nothing. Needs torch, diffusers, transformers, and about
2 GB (SDXL: 7 GB) of disk. A tokenizer is not written: real models bring CLIP's.
"""

import json
import os
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

DOWN, UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
WIDE = dict(
    down_block_types=[DOWN, DOWN, DOWN, "DownBlock2D"],
    up_block_types=["UpBlock2D", UP, UP, UP],
    block_out_channels=[320, 640, 1280, 1280],
    sample_size=64,
)
UNETS = {
    "sd15": dict(WIDE, cross_attention_dim=768, attention_head_dim=8),
    "sd21": dict(
        WIDE, cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20],
        use_linear_projection=True,
    ),
    "sdxl": dict(
        down_block_types=["DownBlock2D", DOWN, DOWN],
        up_block_types=[UP, UP, "UpBlock2D"],
        block_out_channels=[320, 640, 1280],
        sample_size=128,
        transformer_layers_per_block=[1, 2, 10],
        attention_head_dim=[5, 10, 20],
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    ),
}
CLIP_L = dict(
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    hidden_act="quick_gelu", projection_dim=768,
)
OPEN_CLIP_H = dict(
    hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
    hidden_act="gelu", projection_dim=512,
)
OPEN_CLIP_G = dict(
    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
    hidden_act="gelu", projection_dim=1280,
)
TEXTS = {
    "sd15": {"text_encoder": (CLIPTextModel, CLIP_L)},
    "sd21": {"text_encoder": (CLIPTextModel, OPEN_CLIP_H)},
    "sdxl": {
        "text_encoder": (CLIPTextModel, CLIP_L),
        "text_encoder_2": (CLIPTextModelWithProjection, OPEN_CLIP_G),
    },
}
CLASSES = {
    "sd15": "StableDiffusionPipeline",
    "sd21": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
}
SCHEDULER = dict(
    _class_name="EulerDiscreteScheduler", num_train_timesteps=1000, beta_start=0.00085,
    beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading",
    prediction_type="epsilon",
)


def weights(model):
    """Values for a model that was made without any."""
    generator = torch.Generator().manual_seed(0)
    filled = {}
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if tensor.dim() < 2:
            # Norms keep what they are given; biases stay out of the way.
            value = torch.full(tensor.shape, float("norm" in name and name.endswith("weight")))
        else:
            reach = (3.0 / tensor[0].numel()) ** 0.5
            value = torch.empty(tensor.shape).uniform_(-reach, reach, generator=generator)
        filled[name] = value.half()
    return filled


def write(folder, part, model, config, name):
    path = os.path.join(folder, part)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    save_file(weights(model), os.path.join(path, name))


def main():
    family, folder = sys.argv[1:3]
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNETS[family])
        vae = AutoencoderKL(
            block_out_channels=[128, 256, 512, 512], layers_per_block=2,
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
            latent_channels=4, sample_size=512,
            scaling_factor=0.13025 if family == "sdxl" else 0.18215,
        )
    weights_name = "diffusion_pytorch_model.safetensors"
    write(folder, "unet", unet, dict(unet.config), weights_name)
    write(folder, "vae", vae, dict(vae.config), weights_name)
    for part, (kind, shape) in TEXTS[family].items():
        config = CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, **shape)
        with torch.device("meta"):
            text = kind(config)
        described = dict(config.to_dict(), architectures=[kind.__name__])
        write(folder, part, text, described, "model.safetensors")
    os.makedirs(os.path.join(folder, "scheduler"), exist_ok=True)
    with open(os.path.join(folder, "scheduler", "scheduler_config.json"), "w") as file:
        json.dump(SCHEDULER, file, indent=1)
    with open(os.path.join(folder, "model_index.json"), "w") as file:
        json.dump({"_class_name": CLASSES[family]}, file)


if __name__ == "__main__":
    main()
