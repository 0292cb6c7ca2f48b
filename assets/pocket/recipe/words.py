"""The names of the objects that the model knows, in English and Chinese, for the program.

usage: words.py NODE_MODULES OUT.json [LIST]

LIST is objects.txt, or another list in its form. Each entry written: name, and the Chinese words for it (the emoji
data's own label, then those of its tags that stand for few other objects), best first.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from objects import LIST, clean, wanted

SHARED = 3  # a tag of more objects says what kind they are


def main(modules, out, source):
    data = {language: json.loads((modules / f"emojibase-data/{language}/data.json").read_text()) for language in ("en", "zh")}
    codes = {clean(entry["label"]): entry["hexcode"] for entry in data["en"]}
    chinese = {entry["hexcode"]: entry for entry in data["zh"]}
    found = [(name, chinese[codes[label]]) for name, label, _ in wanted(source)]
    shared = Counter(tag for _, entry in found for tag in set(entry.get("tags", [])))
    objects = []
    for name, entry in found:
        tags = [tag for tag in entry.get("tags", []) if shared[tag] <= SHARED and len(tag) > 1]
        words = [word.replace(" ", "") for word in [entry["label"], *tags]]
        objects.append({"name": name, "zh": list(dict.fromkeys(words))})
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in objects)
    out.write_text(f"[\n{lines}\n]\n")
    print(len(objects), "objects,", sum(len(entry["zh"]) for entry in objects), "Chinese words")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else LIST)
