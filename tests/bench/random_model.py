"""Writes a complete model of a well-known shape with seeded random weights in bf16, in the
diffusers layout, with the built-in model's words: for measuring whole runs, loading and memory.

    python tests/bench/random_model.py sd15|sd21|sdxl FOLDER

It takes about 2 GB of disk, SDXL 7 GB.
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import save_file

from noise import filled

POCKET = Path(__file__).resolve().parent.parent.parent / "assets" / "pocket"
DOWN, UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
UNETS = {
    "sd15": {"sample_size": 64, "block_out_channels": [320, 640, 1280, 1280],
             "cross_attention_dim": 768},
    "sd21": {"sample_size": 64, "block_out_channels": [320, 640, 1280, 1280],
             "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
             "use_linear_projection": True},
    "sdxl": {"sample_size": 128, "block_out_channels": [320, 640, 1280],
             "down_block_types": ["DownBlock2D", DOWN, DOWN],
             "up_block_types": [UP, UP, "UpBlock2D"], "transformer_layers_per_block": [1, 2, 10],
             "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
             "use_linear_projection": True, "addition_embed_type": "text_time",
             "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816},
}
CLIP_L = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
          "hidden_act": "quick_gelu"}
OPEN_CLIP_H = {"hidden_size": 1024, "num_hidden_layers": 23, "num_attention_heads": 16,
               "hidden_act": "gelu"}
OPEN_CLIP_G = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 20,
               "hidden_act": "gelu", "projection_dim": 1280}
TEXTS = {"sd15": [CLIP_L], "sd21": [OPEN_CLIP_H], "sdxl": [CLIP_L, OPEN_CLIP_G]}
SUFFIXES = ("", "_2")


def write(folder, network, config, file, prefix=None):
    """`prefix` goes before names that are not of a projection: real files have it, which newer
    versions of transformers do not write."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    def named(name):
        plain = prefix is None or name.startswith((prefix, "text_projection"))
        return name if plain else prefix + name

    tensors = network.state_dict().items()
    save_file(
        {named(name): values.contiguous() for name, values in tensors if "position_ids" not in name},
        folder / file)


def write_text(folder, suffix, shape):
    kind = "CLIPTextModelWithProjection" if suffix else "CLIPTextModel"
    config = {
        "architectures": [kind], "model_type": "clip_text_model",
        "intermediate_size": 4 * shape["hidden_size"], "vocab_size": 49408,
        "max_position_embeddings": 77, **shape,
    }
    values = {key: value for key, value in config.items() if key != "architectures"}
    make = lambda: getattr(transformers, kind)(transformers.CLIPTextConfig(**values))
    network = filled(make, torch.bfloat16)
    write(folder / f"text_encoder{suffix}", network, config, "model.safetensors", "text_model.")
    tokenizer = folder / f"tokenizer{suffix}"
    shutil.copytree(POCKET / "tokenizer", tokenizer, dirs_exist_ok=True)
    words = tokenizer / "tokenizer_config.json"
    settings = json.loads(words.read_text()) | {"model_max_length": 77}
    words.write_text(json.dumps(settings, indent=2) + "\n")


def main():
    shape, folder = sys.argv[1], Path(sys.argv[2])
    unet = {"_class_name": "UNet2DConditionModel", **UNETS[shape]}
    vae = {
        "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
        "scaling_factor": 0.13025 if shape == "sdxl" else 0.18215,
    }
    weights = "diffusion_pytorch_model.safetensors"
    for part, config, kind in [("unet", unet, diffusers.UNet2DConditionModel),
                               ("vae", vae, diffusers.AutoencoderKL)]:
        network = filled(lambda: kind.from_config(config), torch.bfloat16)
        # With what is not said above: real folders have it all.
        write(folder / part, network, json.loads(network.to_json_string()), weights)
    for suffix, text in zip(SUFFIXES, TEXTS[shape]):
        write_text(folder, suffix, text)
    shutil.copytree(POCKET / "scheduler", folder / "scheduler", dirs_exist_ok=True)
    if shape == "sdxl":
        index = {"_class_name": "StableDiffusionXLPipeline"}
        (folder / "model_index.json").write_text(json.dumps(index) + "\n")
    else:
        shutil.copy(POCKET / "model_index.json", folder)


main()
