"""stable-diffusion.cpp as a peer: `--against sdcpp`.

It knows whole pictures only: one is painted when a part's times are used up, and the parts' times
come from its own account. Its weights are f16, the type in which it is fastest; a folder without
weights is filled with noise. Instructions are chosen when it is built, so that no cap reaches it.
"""

import ctypes
import re
import tempfile

import stable_diffusion_cpp as library
from stable_diffusion_cpp import StableDiffusion

# Steps of a picture that is painted for its parts' times.
STEPS = 3
MARKS = {
    "vae-decode": re.compile(r"latent \d+ decoded, taking ([0-9.]+)s"),
    "text": re.compile(r"get_learned_condition completed, taking ([0-9.]+)s"),
}


@library.sd_log_callback
def hear(level, text, data):
    for part, mark in MARKS.items():
        found = mark.search(text.decode("utf-8", errors="replace"))
        if found:
            heard.setdefault(part, []).append(float(found[1]))


heard = {}
library.sd_set_log_callback(hear, ctypes.c_void_p(0))


def folder():
    """A folder with weights: the model's own, or one of noise that lives as long as this process."""
    if os.path.exists(os.path.join(FOLDER, "unet", "diffusion_pytorch_model.safetensors")):
        return FOLDER
    global kept
    kept = tempfile.TemporaryDirectory()
    write_noise(kept.name)
    return kept.name


def write_noise(place):
    import diffusers
    import torch
    import transformers
    from safetensors.torch import save_file

    text = {key: value for key, value in config("text_encoder").items() if key != "architectures"}
    networks = {
        "unet/diffusion_pytorch_model.safetensors":
            lambda: diffusers.UNet2DConditionModel.from_config(config("unet")),
        "vae/diffusion_pytorch_model.safetensors":
            lambda: diffusers.AutoencoderKL.from_config(config("vae")),
        "text_encoder/model.safetensors":
            lambda: transformers.CLIPTextModel(transformers.CLIPTextConfig(**text)),
    }
    for file, make in networks.items():
        # Real files have this prefix, which newer versions of transformers do not write.
        prefix = "text_model." if file.startswith("text") else ""
        tensors = {
            name if name.startswith(prefix) else prefix + name: values.contiguous()
            for name, values in filled(make, torch.float16).state_dict().items()
        }
        os.makedirs(os.path.dirname(os.path.join(place, file)), exist_ok=True)
        save_file(tensors, os.path.join(place, file))


@functools.cache
def model():
    return StableDiffusion(
        model_path=folder(), n_threads=THREADS, wtype="f16", vae_decode_only=True, verbose=False)


def paint(question, scale, steps):
    seconds = []

    def progress(step, of, secs):
        if of == steps and step >= 1:
            seconds.append(secs)

    model().generate_image(
        PROMPT, width=question["width"], height=question["height"], cfg_scale=scale,
        sample_method="euler", sample_steps=steps, seed=0, progress_callback=progress)
    return seconds


def measured(question):
    part = question["part"]
    if part in ("picture", "run"):
        if part == "picture":
            model()
        return timed(lambda: paint(question, GUIDANCE, question["steps"]))
    if part == "vae-encode":
        return None
    key = (part, question["height"], question["width"])
    if not ready.get(key):
        before = {name: len(times) for name, times in heard.items()}
        seconds = paint(question, 1.0 if part == "unet-b1" else GUIDANCE, STEPS)
        steps = "unet-b1" if part == "unet-b1" else "unet-b2"
        ready[(steps, *key[1:])] = seconds
        for name, times in heard.items():
            ready[(name, *key[1:])] = times[before.get(name, 0) :]
    return ready[key].pop(0)


ready = {}
serve(f"stable-diffusion.cpp {library.__version__}, f16", measured)
