"""Writes a complete model of a well-known shape with seeded random weights in bf16, in the
diffusers layout, with the built-in model's words: for measuring whole runs.

    python tests/bench/random_model.py sd15 FOLDER
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
UNETS = {
    "sd15": {"cross_attention_dim": 768},
    "sd21": {
        "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": True,
    },
}
TEXTS = {
    "sd15": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
             "hidden_act": "quick_gelu"},
    "sd21": {"hidden_size": 1024, "num_hidden_layers": 23, "num_attention_heads": 16,
             "hidden_act": "gelu"},
}


def write(folder, network, config, file, prefix=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {
        name if name.startswith(prefix) else prefix + name: values.contiguous()
        for name, values in network.state_dict().items() if "position_ids" not in name
    }
    save_file(tensors, folder / file)


def main():
    shape, folder = sys.argv[1], Path(sys.argv[2])
    unet = {
        "_class_name": "UNet2DConditionModel", "sample_size": 64,
        "block_out_channels": [320, 640, 1280, 1280], **UNETS[shape],
    }
    vae = {
        "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
    }
    width = TEXTS[shape]["hidden_size"]
    text = {
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
        "intermediate_size": 4 * width, "vocab_size": 49408, "max_position_embeddings": 77,
        **TEXTS[shape],
    }
    weights = "diffusion_pytorch_model.safetensors"
    for part, config, kind in [("unet", unet, diffusers.UNet2DConditionModel),
                               ("vae", vae, diffusers.AutoencoderKL)]:
        network = filled(lambda: kind.from_config(config), torch.bfloat16)
        write(folder / part, network, config, weights)
    make = lambda: transformers.CLIPTextModel(transformers.CLIPTextConfig(**{
        key: value for key, value in text.items() if key != "architectures"}))
    network = filled(make, torch.bfloat16)
    # Real files have this prefix, which newer versions of transformers do not write.
    write(folder / "text_encoder", network, text, "model.safetensors", "text_model.")
    for part in ("tokenizer", "scheduler"):
        shutil.copytree(POCKET / part, folder / part, dirs_exist_ok=True)
    words = folder / "tokenizer" / "tokenizer_config.json"
    settings = json.loads(words.read_text()) | {"model_max_length": 77}
    words.write_text(json.dumps(settings, indent=2) + "\n")
    shutil.copy(POCKET / "model_index.json", folder)


main()
