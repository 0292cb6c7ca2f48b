"""Cuts the fonts that Pentimento embeds, and writes src/ui/icons.rs.

    python cut.py --inter Inter-roman.var.ttf --noto NotoSansSC_400Regular.ttf \
                  --phosphor Phosphor.ttf --phosphor-fill Phosphor-Fill.ttf \
                  --phosphor-css style.css

Needs fonttools 4.68. Where the source files come from is in README.md beside this script.
"""

import argparse
import pathlib
import re

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

HERE = pathlib.Path(__file__).parent
ICONS_RS = HERE.parents[1] / "src/ui/icons.rs"

# Rust name -> Phosphor name where they differ by more than case.
ICONS = """
PAINT_BRUSH ERASER SELECTION_INVERSE HAND EYEDROPPER FRAME_CORNERS ARROWS_OUT_CARDINAL
RECTANGLE_DASHED LASSO MAGIC_WAND PAINT_BUCKET FINGERPRINT STACK SLIDERS
CLOCK_COUNTER_CLOCKWISE CUBE DICE_FIVE LOCK_SIMPLE LOCK_SIMPLE_OPEN SPARKLE CHECK X TRASH EYE
EYE_SLASH COPY FLOPPY_DISK FOLDER_OPEN DOWNLOAD_SIMPLE ARROW_COUNTER_CLOCKWISE ARROW_CLOCKWISE
PAUSE STOP COLUMNS CIRCLE_HALF WARNING WARNING_CIRCLE INFO CARET_DOWN CARET_UP CARET_RIGHT
CARET_LEFT DOTS_THREE LIST QUESTION GEAR_SIX SQUARE RECTANGLE PLAY PLUS MINUS IMAGE CLIPBOARD
MAGNIFYING_GLASS KEYBOARD SIDEBAR_SIMPLE SELECTION_ALL FOLDER FILE UPLOAD_SIMPLE LINK
ARROW_LEFT ARROW_RIGHT ARROW_UP ARROW_DOWN CHECK_CIRCLE X_CIRCLE HEART STAR PENCIL_SIMPLE
DICE_SIX SHUFFLE CROP SUN MOON TEXT_T TRANSLATE CPU HARD_DRIVE CORNERS_OUT SIDEBAR SELECTION
SQUARES_FOUR FLIP_HORIZONTAL
""".split()

# Latin with its extensions, spacing modifiers, Greek letters used in formulas, punctuation,
# currency, letterlike signs, arrows, operators and the shapes that name keys.
LATIN = [
    (0x0020, 0x024F), (0x02B0, 0x02FF), (0x0300, 0x036F), (0x0391, 0x03C9), (0x1E00, 0x1EFF),
    (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2190, 0x21FF),
    (0x2200, 0x22FF), (0x2300, 0x23FF), (0x25A0, 0x25FF), (0x2700, 0x27BF),
]


def spread(ranges):
    return {code for first, last in ranges for code in range(first, last + 1)}


def gb2312():
    """The 6,763 characters of GB 2312, from Python's own codec."""
    found = set()
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes([row, cell]).decode("gb2312")))
            except UnicodeDecodeError:
                pass  # five places at the end of row 55 are empty
    assert len(found) == 6763, len(found)
    return found


def cut(font, unicodes, features):
    options = subset.Options()
    options.layout_features = features
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.hinting = False
    options.glyph_names = False
    options.drop_tables += ["DSIG", "vhea", "vmtx", "VORG", "BASE"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=unicodes)
    cutter.subset(font)
    return font


def tabular_digits(font):
    """egui asks for no OpenType features, so the digits' code points get the `tnum` glyphs."""
    table = font["GSUB"].table
    lookups = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    }
    swaps = {}
    for index in lookups:
        for part in table.LookupList.Lookup[index].SubTable:
            part = getattr(part, "ExtSubTable", part)
            swaps.update(getattr(part, "mapping", {}))
    digits = [ord(digit) for digit in "0123456789"]
    for cmap in font["cmap"].tables:
        for code in digits:
            if code in cmap.cmap:
                # Two tables may share one map, which is then swapped already.
                cmap.cmap[code] = swaps.get(cmap.cmap[code], cmap.cmap[code])
    widths = {font["hmtx"][font.getBestCmap()[code]][0] for code in digits}
    assert len(widths) == 1, widths


def icon_codes(css):
    text = pathlib.Path(css).read_text()
    found = dict(re.findall(r'\.ph\.ph-([a-z0-9-]+):before\s*\{\s*content:\s*"\\([0-9a-f]+)"', text))
    codes = {}
    for entry in ICONS:
        name, _, theirs = entry.partition("=")
        theirs = theirs or name.lower().replace("_", "-")
        if theirs not in found:
            print("missing in Phosphor:", theirs)
            continue
        codes[name] = int(found[theirs], 16)
    return codes


def write_icons(codes):
    lines = [
        "//! Names for the icons of the `icons` and `icons-fill` font families.",
        "//!",
        "//! Every panel takes its icons from here. Written by `assets/fonts/cut.py`; it draws nothing.",
        "",
    ]
    for name, code in codes.items():
        lines.append(f"/// Phosphor's `{name.lower().replace('_', '-')}`.")
        lines.append(f'pub const {name}: &str = "\\u{{{code:x}}}";')
    ICONS_RS.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ["inter", "noto", "phosphor", "phosphor-fill", "phosphor-css"]:
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()

    inter = TTFont(args.inter, recalcTimestamp=False)
    tabular_digits(inter)
    cut(inter, spread(LATIN), ["kern", "mark", "mkmk", "ccmp", "locl"])
    # Weights from regular to semibold; a slant axis, where there is one, is pinned upright.
    limits = {"wght": (400, 400, 600)}
    if any(axis.axisTag == "slnt" for axis in inter["fvar"].axes):
        limits["slnt"] = 0
    instancer.instantiateVariableFont(inter, limits, inplace=True)
    inter.save(HERE / "Inter.ttf")

    noto = TTFont(args.noto, recalcTimestamp=False)
    # CJK punctuation and fullwidth forms beside the characters themselves.
    chinese = gb2312() | spread([(0x3000, 0x303F), (0xFF00, 0xFFEF), (0x2E3A, 0x2E3B)])
    cut(noto, chinese, []).save(HERE / "NotoSansSC.ttf")

    codes = icon_codes(args.phosphor_css)
    for source, target in [(args.phosphor, "Phosphor.ttf"), (args.phosphor_fill, "Phosphor-Fill.ttf")]:
        # By code point, without ligatures: their letters are blank glyphs that would swallow text.
        cut(TTFont(source, recalcTimestamp=False), set(codes.values()), []).save(HERE / target)
    write_icons(codes)
    for name in ["Inter.ttf", "NotoSansSC.ttf", "Phosphor.ttf", "Phosphor-Fill.ttf"]:
        print(name, (HERE / name).stat().st_size)


if __name__ == "__main__":
    main()
