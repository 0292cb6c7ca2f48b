"""The words that the model knows, for the program.

usage: words.py NODE_MODULES OUT.json [LIST]

LIST is objects.txt, or another list in its form. Written: for each object its name, the other words for it that were
trained ("also"), the Chinese ones (the emoji data's own label, then those of its tags that stand for few other objects,
best first), and English words that nobody trained but that mean it ("near", from the emoji keywords); the colours; the
places with what captions call them; and every single word that a caption can have. faces.py draws the pictures of
objects, colours and places, in this order.
"""

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import backdrops
import captions
import colors
from objects import LIST, clean, wanted
from scenes import Thing

SHARED = 3  # a tag of more objects says what kind they are
CAPTIONS = 20_000  # of these all that is said around the objects is heard
PLACEHOLDER = "qqq"


def single(text):
    """The words of a text: letters and digits, as the program cuts prompts."""
    return re.findall(r"[^\W_]+", text.lower())


def places():
    """(kind, phrases) of all backdrops but the plain colours."""
    patterns = [(kind, [f"on a {kind} background"]) for kind in backdrops.PATTERNS]
    return [*backdrops.PHRASES.items(), *patterns]


def around():
    """All words that captions say beside the names of objects."""
    rng, words = random.Random(0), set()
    styles = [word for style in captions.STYLE_WORDS.values() for word in style]
    sizes, hues = captions.SMALL + captions.LARGE, list(colors.HUES)
    sides = ["on the left", "on the right"]
    kinds = backdrops.names()
    for _ in range(CAPTIONS):
        relation = rng.choice([None, "row", *captions.RELATIONS])
        count = rng.choice([1, *captions.NUMBERS]) if relation is None else 1
        maybe = lambda list_: rng.choice(["", *list_])
        things = [
            Thing(0, PLACEHOLDER, "3d", maybe(styles), maybe(hues), maybe(sizes), maybe(sides), count)
            for _ in range({None: 1, "row": 3}.get(relation, 2))
        ]
        kind = rng.choice(kinds)
        phrases = backdrops.PHRASES.get(kind) or [backdrops.draw(kind, rng, 8, 8)[1]]
        words.update(single(captions.caption(rng, things, relation, rng.choice(["", *phrases]))))
    return {word for word in words if not word.startswith(PLACEHOLDER)}


def main(modules, out, source):
    data = {language: json.loads((modules / f"emojibase-data/{language}/data.json").read_text()) for language in ("en", "zh")}
    english = {clean(entry["label"]): entry for entry in data["en"]}
    chinese = {entry["hexcode"]: entry for entry in data["zh"]}
    keywords = json.loads((modules / "emojilib/dist/emoji-en-US.json").read_text())
    found = [(name, also, english[label]) for name, label, also in wanted(source)]
    tags = [chinese[entry["hexcode"]].get("tags", []) for *_, entry in found]
    meant = [
        {word for text in [*keywords.get(entry["emoji"], []), *entry.get("tags", [])] for word in single(text.replace("_", " "))}
        for *_, entry in found
    ]
    shared = Counter(tag for own in tags for tag in set(own))
    shared_meanings = Counter(word for own in meant for word in own)
    known = around()
    for name, also, _ in found:
        for text in [name, *also]:
            known.update(single(text), single(captions.plural(text)))
    objects = []
    for (name, also, entry), own, means in zip(found, tags, meant):
        labels = [chinese[entry["hexcode"]]["label"], *(tag for tag in own if shared[tag] <= SHARED and len(tag) > 1)]
        near = [word for word in means - known if shared_meanings[word] <= SHARED and len(word) > 2]
        objects.append(
            {
                "name": name,
                "also": also,
                "zh": list(dict.fromkeys(word.replace(" ", "") for word in labels)),
                "near": sorted(near),
            }
        )
    line = lambda entry: json.dumps(entry, ensure_ascii=False)
    parts = [
        '"objects": [\n' + ",\n".join(map(line, objects)) + "\n]",
        f'"colours": {line(list(colors.BACKDROPS))}',
        '"places": [\n' + ",\n".join(line({"name": kind, "phrases": phrases}) for kind, phrases in places()) + "\n]",
        f'"words": {line(" ".join(sorted(known)))}',
    ]
    out.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(len(objects), "objects,", len(known), "words,", sum(len(entry["zh"]) for entry in objects), "Chinese words")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else LIST)
