"""Gathers a trained model as f16 in diffusers' layout.  usage: export.py WORK OUT

WORK holds vae/, tokenizer/, the model/ that cooling down left, and perhaps preview_decoder/ and few_step/. Lists the
files with their hashes in model.sha256.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

PARTS = {
    "text_encoder": ("transformers", CLIPTextModel, "model"),
    "unet": ("diffusers", UNet2DConditionModel, "model"),
    "vae": ("diffusers", AutoencoderKL, "."),
}
LIMIT = 64 * 2**20  # the model is part of the program


def main(work, out):
    if out.exists():
        sys.exit(f"{out} is there already")
    for name, (_, kind, where) in PARTS.items():
        model = kind.from_pretrained(work / where / name)
        print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")
        model.to(torch.float16)
        if not all(value.isfinite().all() for value in model.state_dict().values() if value.is_floating_point()):
            sys.exit(f"{name}: f16 cannot hold all weights")
        model.save_pretrained(out / name)
        config = out / name / "config.json"
        kept = {key: value for key, value in json.loads(config.read_text()).items() if key != "_name_or_path"}
        config.write_text(json.dumps(kept, indent=2) + "\n")
    shutil.copytree(work / "tokenizer", out / "tokenizer", dirs_exist_ok=True)
    shutil.copytree(work / "model/scheduler", out / "scheduler", dirs_exist_ok=True)
    folders = [*PARTS, "tokenizer", "scheduler"]
    for extra in ("preview_decoder", "few_step"):
        if (work / extra).is_dir():
            shutil.copytree(work / extra, out / extra, dirs_exist_ok=True)
            folders.append(extra)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    } | {name: [library, kind.__name__] for name, (library, kind, _) in PARTS.items()}
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    files = [out / "model_index.json"] + sorted(
        path for name in folders for path in (out / name).iterdir()
    )
    size = sum(path.stat().st_size for path in files)
    if size > LIMIT:
        sys.exit(f"{size} bytes are more than {LIMIT}")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out)}\n" for path in sorted(files)]
    (out / "model.sha256").write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
