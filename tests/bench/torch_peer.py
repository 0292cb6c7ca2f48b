"""diffusers/torch as a peer: `--against torch`, or compiled, `--against torch-compile`.

Networks are of the folder's shapes with random weights; whole pictures are by diffusers' own
pipeline with the folder's weights. Each network is measured in the better of torch's two memory
layouts, found out with its first calls.
"""

import os
import warnings

import diffusers
import torch
import transformers

warnings.filterwarnings("ignore")

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)
torch.manual_seed(0)
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
diffusers.utils.logging.disable_progress_bar()
KIND = {"f32": torch.float32, "bf16": torch.bfloat16}[DTYPE]
LAYOUTS = (torch.contiguous_format, torch.channels_last)
chosen = {}


@functools.cache
def network(part):
    values = config(part)
    if part.startswith("text_encoder"):
        kind = transformers.CLIPTextModel
        if values.pop("architectures", [""])[0].endswith("WithProjection"):
            kind = transformers.CLIPTextModelWithProjection
        make = lambda: kind(transformers.CLIPTextConfig(**values))
    elif part == "unet":
        make = lambda: diffusers.UNet2DConditionModel.from_config(values)
    else:
        make = lambda: diffusers.AutoencoderKL.from_config(values)
    made = filled(make, KIND)
    if NAME == "torch-compile":
        made.compile()
    return made


def text_parts():
    """One text encoder, or SDXL's two."""
    known = ("text_encoder", "text_encoder_2")
    return [part for part in known if os.path.exists(os.path.join(FOLDER, part, "config.json"))]


def work(question):
    """The network of a part and a function that runs it once."""
    part, height, width = question["part"], question["height"], question["width"]
    if part == "text":
        texts = [network(part) for part in text_parts()]
        ids = torch.arange(texts[0].config.max_position_embeddings).repeat(2, 1)
        return texts[0], lambda: [text(ids, output_hidden_states=True) for text in texts]
    factor = 2 ** (len(config("vae")["block_out_channels"]) - 1)
    cells = (height // factor, width // factor)
    if part.startswith("unet"):
        unet, batch = network("unet"), int(part[-1])
        latent = torch.randn(batch, unet.config.in_channels, *cells, dtype=KIND)
        states = torch.randn(batch, 77, unet.config.cross_attention_dim, dtype=KIND)
        added = None
        if unet.config.addition_embed_type == "text_time":
            pooled = torch.randn(batch, config(text_parts()[-1])["projection_dim"], dtype=KIND)
            sizes = [height, width, 0, 0, height, width]
            added = {"text_embeds": pooled, "time_ids": torch.tensor([sizes] * batch, dtype=KIND)}
        return unet, lambda: unet(
            latent, torch.tensor(500), encoder_hidden_states=states, added_cond_kwargs=added)
    vae = network("vae")
    if part == "vae-decode":
        latent = torch.randn(1, vae.config.latent_channels, *cells, dtype=KIND)
        return vae, lambda: vae.decode(latent)
    picture = torch.randn(1, 3, height, width, dtype=KIND)
    return vae, lambda: vae.encode(picture)


def choose_layout(key, networks, work):
    """Leaves the networks in the layout in which the work is faster."""
    first = timed(work)
    seconds = {}
    for layout in LAYOUTS:
        for one in networks:
            one.to(memory_format=layout)
        seconds[layout] = timed(work)
    best = min(seconds, key=seconds.get)
    for one in networks:
        one.to(memory_format=best)
    chosen[key] = str(best).removeprefix("torch.")
    if NAME == "torch-compile":
        chosen[key] += f", first call {first:.0f} s"


def pipeline():
    """diffusers' pipeline with the folder's weights."""
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        FOLDER, torch_dtype=KIND, safety_checker=None, local_files_only=True)
    pipe.scheduler = diffusers.DDIMScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="trailing", clip_sample=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@functools.cache
def warm_pipeline():
    pipe = pipeline()
    words = pipe.encode_prompt(PROMPT, "cpu", 1, True)
    return pipe, dict(zip(("prompt_embeds", "negative_prompt_embeds"), words))


def painted(pipe, question, **words):
    return pipe(
        height=question["height"], width=question["width"], num_inference_steps=question["steps"],
        guidance_scale=GUIDANCE, generator=torch.Generator().manual_seed(0), **words).images


def picture(question):
    pipe, words = warm_pipeline()
    paint = lambda: painted(pipe, question, **words)
    if "picture" not in chosen:
        choose_layout("picture", [pipe.unet, pipe.vae], paint)
    return timed(paint)


def cold_run(question):
    def run():
        pipe = pipeline()
        # The better one for these networks in bf16 wherever it was tried; in f32 they are equal.
        for one in (pipe.unet, pipe.vae):
            one.to(memory_format=torch.channels_last)
        painted(pipe, question, prompt=PROMPT)
    return timed(run)


def measured(question):
    part = question["part"]
    if part == "picture":
        return picture(question)
    if part == "run":
        return cold_run(question)
    owner, once = work(question)
    key = part if part.startswith("vae") else part[:4]
    if key not in chosen and part != "text":
        choose_layout(key, [owner], once)
    return timed(once)


serve(
    f"torch {torch.__version__}, diffusers {diffusers.__version__}, {DTYPE}", measured,
    lambda: json.dumps(chosen) if chosen else "")
