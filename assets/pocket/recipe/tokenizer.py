"""A CLIP-style byte-pair vocabulary of 4,096 tokens, learned from captions.  usage: tokenizer.py WORK NODE_MODULES"""

import json
import random
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

import captions
import scenes
from workplace import load_objects

TOKENS, POSITIONS = 4096, 32
WORDS = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


def corpus(objects, modules):
    """Captions as they are trained on, every name, and the emoji keywords, so that words of neighbours are whole too."""
    rng = random.Random(0)
    for _ in range(6000):
        yield scenes.sample(rng, objects, 16, 16).caption
    for item in objects:
        yield from [item["name"], captions.plural(item["name"]), *item["synonyms"]] * 6
    for words in json.loads((modules / "emojilib/dist/emoji-en-US.json").read_text()).values():
        yield from (word.replace("_", " ") for word in words)


def main(work, modules):
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(WORDS, "removed", invert=True), bytes_of])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS - 2, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(load_objects(work), modules), trainer)
    out = work / "tokenizer"
    out.mkdir(exist_ok=True)
    tokenizer.model.save(str(out))
    vocabulary = json.loads((out / "vocab.json").read_text())
    start, end = "<|startoftext|>", "<|endoftext|>"
    vocabulary |= {start: len(vocabulary), end: len(vocabulary) + 1}
    (out / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": start,
        "eos_token": end,
        "unk_token": end,
        "pad_token": end,
    }
    (out / "tokenizer_config.json").write_text(
        json.dumps(config | {"model_max_length": POSITIONS, "do_lower_case": True})
    )
    print(len(vocabulary), "tokens")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
