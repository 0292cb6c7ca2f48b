"""What a scene is called: full sentences, free word order, bare lists of tags."""

import re

SMALL, LARGE = ["small", "tiny", "little"], ["big", "large", "huge"]
NUMBERS = {2: "two", 3: "three", 4: "four"}
STYLE_WORDS = {"flat": ["flat", "flat style", "flat icon", "flat drawing"], "3d": ["3d", "3d style", "3d render"]}
OPENINGS = ["a picture of", "a drawing of", "an illustration of", "an image of"]
# Both ways round: the first says where `a` is, seen from `b`.
RELATIONS = {
    "left": (["to the left of", "left of"], ["to the right of", "right of"]),
    "above": (["above", "over", "on top of"], ["below", "under", "beneath"]),
    "front": (["in front of"], ["behind"]),
}


def many(name):
    """Whether the name is a plural, as "glasses" or "books"."""
    return name.endswith("s") and not name.endswith(("ss", "us", "is"))


def article(name, words=""):
    """The name, with words before it, with "a" or "an"; plurals stay bare."""
    text = f"{words} {name}".strip()
    if many(name):
        return text
    return ("an " if text[0] in "aeiou" and not text.startswith(("uni", "eu", "one", "ufo")) else "a ") + text


def plural(name):
    """More than one of them: "two boxes", "two men with turban" stays as simple as it can be."""
    head, *rest = name.split(" with ", 1) if " with " in name else name.split(" in ", 1) if " in " in name else (name,)
    tail = name[len(head) :] if rest else ""
    irregular = {
        "man": "men",
        "woman": "women",
        "child": "children",
        "mouse": "mice",
        "goose": "geese",
        "tooth": "teeth",
        "foot": "feet",
        "fish": "fish",
        "sheep": "sheep",
        "deer": "deer",
        "knife": "knives",
        "leaf": "leaves",
        "wolf": "wolves",
        "loaf": "loaves",
        "scarf": "scarves",
    }
    *start, last = head.split(" ")
    if last in irregular:
        last = irregular[last]
    elif many(last):
        pass
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*start, last]) + tail


def counted(thing):
    """Its name, in the plural where there are more."""
    return plural(thing.name) if thing.count > 1 else thing.name


def phrase(rng, thing):
    """One thing with its words: "a small blue apple", "three foxes"."""
    words = [word for word in (thing.size_word, thing.color) if word]
    after = ""
    if thing.style_word and rng.random() < 0.6:
        words.insert(0, thing.style_word.split()[0])
    elif thing.style_word:
        after = ", " + thing.style_word
    if thing.count > 1:
        return " ".join([NUMBERS[thing.count], *words, counted(thing)]) + after
    return article(thing.name, " ".join(words)) + after


def caption(rng, things, relation, place):
    """A scene in words. `relation` is None, "row", or a key of RELATIONS (things[0] as seen from things[1])."""
    if rng.random() < 0.12 and relation is None:
        tags = [
            " ".join(filter(None, [NUMBERS.get(thing.count), thing.size_word, thing.color, counted(thing)]))
            for thing in things
        ]
        tags += [word for word in {thing.style_word for thing in things} if word]
        tags += [re.sub("^(in|on|at) (the |an? )?", "", place)] if place else []
        rng.shuffle(tags)
        return ", ".join(tags)
    parts = [phrase(rng, thing) for thing in things]
    where = things[0].where if len(things) == 1 else ""
    if len(parts) == 1:
        text = parts[0] + (f" {where}" if where else "")
    elif relation in RELATIONS:
        there, back = RELATIONS[relation]
        text = pair(rng, parts, relation, there, back)
    else:
        text = ", ".join(parts[:-1]) + rng.choice([" and ", ", and ", " next to "]) + parts[-1]
    if rng.random() < 0.08:
        text = f"{rng.choice(OPENINGS)} {text}"
    if place and rng.random() < 0.12 and place.startswith(("in ", "on ", "at ", "under", "among")):
        return f"{place}, {text}"
    return (
        f"{text} {place}"
        if place and place.startswith(("in ", "on ", "at ", "under", "among"))
        else f"{text}, {place}"
        if place
        else text
    )


def pair(rng, parts, relation, there, back):
    """Two things and where they are."""
    a, b = parts
    choice = rng.random()
    if relation == "left" and choice < 0.4:
        return rng.choice(
            [
                f"{a} and {b}",
                f"{a} next to {b}",
                f"{a} beside {b}",
                f"{a} with {b}",
                f"{a} on the left and {b} on the right",
                f"{b} on the right, {a} on the left",
            ]
        )
    if choice < 0.7:
        return f"{a} {rng.choice(there)} {b}"
    return f"{b} {rng.choice(back)} {a}"
