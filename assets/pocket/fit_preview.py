"""Fits the linear preview of the built-in model: latent channels to RGB, by least squares.

Run as `python assets/pocket/fit_preview.py` from the top of the sources; it writes "preview" in
assets/pocket/pentimento.json. Paints 64 prompts with 8 steps (seeds 0..63) and fits the latents,
as the UNet sees them, to their decoded pictures in -1..1, averaged over 8 × 8 pixels.
Made with torch 2.15 and diffusers 0.42 on a CPU.
"""

import json
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

FOLDER = Path("assets/pocket")
OBJECTS = (
    "fox, red apple, castle, penguin, rocket, guitar, frog, sunflower, pumpkin, whale, banana, robot, volcano, "
    "butterfly, cactus, teapot, owl, strawberry, tractor, snowman, grapes, tiger, bicycle, ghost, cupcake, tropical fish, "
    "house, t-shirt, rose, full moon, watermelon, book"
).split(", ")
PLACES = (
    "in a meadow, on the beach, in the snow, at night, in space, under the sea, at sunset, in the desert, on a wooden table, "
    "in a room, on a blue background, on a pink background, on a yellow background, on a green background, on a black background, "
    "on a white background"
).split(", ")


@torch.no_grad()
def main():
    pipe = StableDiffusionPipeline.from_pretrained(FOLDER, safety_checker=None, requires_safety_checker=False).to(torch.float32)
    pipe.set_progress_bar_config(disable=True)
    prompts = [f"a {OBJECTS[i % 32]} {PLACES[(i * 5 + i // 32) % 16]}" for i in range(64)]
    inputs, outputs = [], []
    for begin in range(0, 64, 8):
        noise = torch.cat([torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(begin + i)) for i in range(8)])
        z = pipe(prompts[begin : begin + 8], latents=noise, num_inference_steps=8, guidance_scale=5.5, output_type="latent").images
        picture = pipe.vae.decode(z / pipe.vae.config.scaling_factor).sample.clamp(-1, 1)
        small = torch.nn.functional.avg_pool2d(picture, 8)
        inputs.append(z.permute(0, 2, 3, 1).reshape(-1, 4))
        outputs.append(small.permute(0, 2, 3, 1).reshape(-1, 3))
    z, rgb = torch.cat(inputs).double(), torch.cat(outputs).double()
    a = torch.cat([z, torch.ones(len(z), 1, dtype=torch.double)], 1)
    solution = torch.linalg.lstsq(a, rgb).solution
    left = ((a @ solution - rgb) ** 2).mean(0).sum() / rgb.var(0).sum()
    print(f"explained variance {1 - left:.3f}, RMS error {((a @ solution - rgb) ** 2).mean().sqrt():.3f} of -1..1")
    rounded = [[round(value, 4) for value in row] for row in solution.tolist()]
    path = FOLDER / "pentimento.json"
    extras = json.loads(path.read_text())
    extras["preview"] = {"factors": rounded[:4], "bias": rounded[4]}
    path.write_text(layout(extras))


def layout(extras):
    """One key a line, one example a line."""
    lines = []
    for key, value in extras.items():
        if key == "examples":
            rows = ",\n    ".join(json.dumps(row) for row in value)
            lines.append(f'  "{key}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
