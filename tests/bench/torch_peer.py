"""diffusers/torch as a peer of `pentimento bench`: the same shapes with random weights.

Started by `pentimento bench --against torch`; reads the name of a part from each line of standard
input, runs it once and answers with one JSON object a line. The first answer tells what runs.
"""

import json
import os
import resource
import sys
import time


def main():
    folder, dtype, threads, height, width = sys.argv[1:6]
    import torch
    import diffusers
    import transformers

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    kind = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    height, width = int(height), int(width)

    def config(part):
        with open(os.path.join(folder, part, "config.json")) as file:
            return json.load(file)

    def text(part, kind_of_model):
        model = kind_of_model(transformers.CLIPTextConfig(**config(part)))
        return model.to(kind).eval()

    texts = [text("text_encoder", transformers.CLIPTextModel)]
    if os.path.exists(os.path.join(folder, "text_encoder_2")):
        texts.append(text("text_encoder_2", transformers.CLIPTextModelWithProjection))
    unet_config = config("unet")
    unet = diffusers.UNet2DConditionModel.from_config(unet_config).to(kind).eval()
    vae = diffusers.AutoencoderKL.from_config(config("vae")).to(kind).eval()
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    cells = (height // factor, width // factor)
    ids = torch.arange(config("text_encoder")["max_position_embeddings"]).repeat(2, 1)

    def step(batch):
        latent = torch.randn(batch, unet.config.in_channels, *cells, dtype=kind)
        states = torch.randn(batch, 77, unet.config.cross_attention_dim, dtype=kind)
        added = None
        if unet.config.addition_embed_type == "text_time":
            pooled = torch.randn(batch, texts[-1].config.projection_dim, dtype=kind)
            sizes = [height, width, 0, 0, height, width]
            added = {"text_embeds": pooled, "time_ids": torch.tensor([sizes] * batch, dtype=kind)}
        unet(latent, torch.tensor(500), encoder_hidden_states=states, added_cond_kwargs=added)

    parts = {
        "text": lambda: [model(ids, output_hidden_states=True) for model in texts],
        "unet-b1": lambda: step(1),
        "unet-b2": lambda: step(2),
        "vae-decode": lambda: vae.decode(
            torch.randn(1, vae.config.latent_channels, *cells, dtype=kind)),
        "vae-encode": lambda: vae.encode(torch.randn(1, 3, height, width, dtype=kind)),
    }

    def timed(part):
        start = time.perf_counter()
        parts[part]()
        return time.perf_counter() - start

    def better_layout(network, part):
        seconds = {}
        for layout in (torch.contiguous_format, torch.channels_last):
            network.to(memory_format=layout)
            timed(part)
            seconds[layout] = timed(part)
        best = min(seconds, key=seconds.get)
        network.to(memory_format=best)
        return str(best).removeprefix("torch.")

    layouts = {}

    def answer(values):
        print(json.dumps(values), flush=True)

    answer({"torch": torch.__version__, "diffusers": diffusers.__version__})
    for line in sys.stdin:
        part = line.strip()
        if part == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer({"peak_bytes": peak, "layouts": layouts})
            continue
        network = {"u": unet, "v": vae}.get(part[0])
        if network is not None and part[:4] not in layouts:
            layouts[part[:4]] = better_layout(network, part)
        answer({"secs": timed(part)})


main()
