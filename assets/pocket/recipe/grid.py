"""64 pictures, seeds 0 to 63, for looking at.  usage: grid.py MODEL OUT.png [COUNT]"""

import sys

import numpy as np
from diffusers import AutoencoderKL
from PIL import Image

import network
from painter import Painter
from workplace import DEVICE

COLUMNS = 8
PROMPTS = [
    "a fox in a meadow",
    "a red apple on a white background",
    "a cup of coffee on a wooden table",
    "a penguin in the snow",
    "a rocket in outer space",
    "a tropical fish underwater",
    "a cool face on the beach",
    "a cat face and a dog face on a pink background",
    "a big pumpkin at night",
    "a castle at sunset",
    "a small mushroom to the left of a frog in a green field",
    "a robot on a light blue background",
    "a cactus in the desert",
    "a guitar in a room",
    "a banana on a purple background",
    "a kitten",
    "two apples on a table",
    "three foxes in the snow",
    "four balloons in the sky",
    "a blue apple on a white background",
    "a pink teapot in a kitchen",
    "an owl above a book",
    "a flat lion in a forest",
    "flat, house, mountains",
    "a teddy bear on a stage",
    "a car in the city",
    "a cactus, a rose and a sunflower in a garden",
    "a unicorn in front of a castle",
    "a bee in the rain",
    "a sailboat at sea",
    "snowman, autumn",
    "a volcano in front of mountains",
    "a strawberry",
    "a bicycle in a street",
    "a wizard in the woods",
    "an astronaut among the stars",
    "a violin on a striped background",
    "a green dragon in the desert",
    "a cupcake on a dotted background",
    "a dolphin at sea",
    "a butterfly among flowers",
    "a tiger in the evening sun",
    "a pizza on a table",
    "a helicopter among clouds",
    "a ghost in the city at night",
    "a purple tractor in a meadow",
    "a crown on a black background",
    "a small spider on the right",
    "a whale below a star",
    "a turtle on the beach",
    "an elephant beside a mouse",
    "a ferris wheel",
    "a key to the right of a lock",
    "a train in winter",
    "a flamingo on a teal background",
    "a t-rex in a living room",
    "a hamburger and french fries on yellow",
    "a santa claus in the snow",
    "an umbrella in the rain",
    "a parrot, flat style, green background",
    "two cats in a room",
    "a squid under the sea",
    "a chair next to a couch",
    "a koala on a gradient background",
]


def sheet(pictures):
    """The pictures in rows."""
    rows = [np.concatenate(list(pictures[start : start + COLUMNS]), 1) for start in range(0, len(pictures), COLUMNS)]
    return Image.fromarray(np.concatenate(rows))


def save(work, nets, path, count=16):
    """A sheet of the first prompts from nets in training."""
    tokenizer, _ = network.load_tokenizer(work)
    vae = AutoencoderKL.from_pretrained(f"{work}/vae").to(DEVICE)
    sheet(Painter(tokenizer, nets["text"], nets["unet"], vae, network.scheduler()).paint(PROMPTS[:count], 0)).save(path)


if __name__ == "__main__":
    model, out, *rest = sys.argv[1:]
    sheet(Painter.load(model).paint(PROMPTS[: int(rest[0]) if rest else 64], 0)).save(out)
