"""OpenVINO as a peer: `--against openvino`.

diffusers' networks of the folder's shapes with random weights, traced in memory and compiled for
each size by itself, which is OpenVINO at its best.
"""

import warnings

import diffusers
import numpy
import openvino
import torch

warnings.filterwarnings("ignore")

torch.set_grad_enabled(False)
torch.set_num_threads(THREADS)
diffusers.utils.logging.set_verbosity_error()


class Step(torch.nn.Module):
    """The UNet without its keyword arguments."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, latent, timestep, states):
        return self.unet(latent, timestep, encoder_hidden_states=states, return_dict=False)[0]


class Decode(torch.nn.Module):
    """The autoencoder's second half."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent):
        return self.vae.decode(latent, return_dict=False)[0]


class Encode(torch.nn.Module):
    """Its first half, to the moments."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, picture):
        return self.vae._encode(picture)


@functools.cache
def traced(kind):
    """A network as OpenVINO holds it, its shapes open."""
    values = config("unet" if kind == "unet" else "vae")
    make = diffusers.UNet2DConditionModel if kind == "unet" else diffusers.AutoencoderKL
    network = filled(lambda: make.from_config(values), torch.float32)
    if kind == "unet":
        example = (
            torch.randn(2, values["in_channels"], 16, 16), torch.tensor(500.0),
            torch.randn(2, 77, values["cross_attention_dim"]))
        return openvino.convert_model(Step(network), example_input=example)
    channels = values["latent_channels"] if kind == "vae-decode" else 3
    side = 16 if kind == "vae-decode" else 128
    wrapper = Decode(network) if kind == "vae-decode" else Encode(network)
    return openvino.convert_model(wrapper, example_input=(torch.randn(1, channels, side, side),))


@functools.lru_cache(maxsize=1)
def compiled(kind, *shapes):
    model = traced(kind)
    model.reshape({place: list(shape) for place, shape in enumerate(shapes)})
    settings = {
        "INFERENCE_PRECISION_HINT": DTYPE, "INFERENCE_NUM_THREADS": THREADS,
        "PERFORMANCE_HINT": "LATENCY",
    }
    program = openvino.Core().compile_model(model, "CPU", settings)
    return program.create_infer_request()


def measured(question):
    part, height, width = question["part"], question["height"], question["width"]
    factor = 2 ** (len(config("vae")["block_out_channels"]) - 1)
    cells = (height // factor, width // factor)
    if part.startswith("unet"):
        values, batch = config("unet"), int(part[-1])
        shapes = (
            (batch, values["in_channels"], *cells), (),
            (batch, 77, values["cross_attention_dim"]))
        request = compiled("unet", *shapes)
    elif part == "vae-decode":
        shapes = ((1, config("vae")["latent_channels"], *cells),)
        request = compiled(part, *shapes)
    elif part == "vae-encode":
        shapes = ((1, 3, height, width),)
        request = compiled(part, *shapes)
    else:
        return None
    noise = numpy.random.default_rng(0)
    inputs = [
        noise.standard_normal(shape, dtype=numpy.float32) if shape else numpy.float32(500)
        for shape in shapes]
    return timed(lambda: request.infer(dict(enumerate(inputs))))


serve(f"OpenVINO {openvino.__version__}, {DTYPE}", measured)
