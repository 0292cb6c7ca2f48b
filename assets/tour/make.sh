#!/bin/bash
# Paints the pictures of the README's tour with the program itself; run it again for new weights.
# usage: make.sh [PENTIMENTO]     ImageMagick draws the mask and the scribble
set -e
cd "$(dirname "$0")"
program=${1:-../../target/release/pentimento}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

convert -size 256x256 xc:black -fill white -draw "ellipse 128,124 104,114 0,360" "$work/mask.png"
convert -size 256x256 gradient:'#78b4f0-#cfe8fa' -fill '#6cb84c' -draw "rectangle 0,170 256,256" \
    -fill '#d83438' -draw "ellipse 128,110 70,50 0,360" \
    -fill '#f4ead8' -draw "roundrectangle 104,130 152,215 14,14" \
    -fill white -draw "circle 95,90 95,78 circle 140,80 140,70 circle 165,115 165,104" "$work/scribble.png"

"$program" --prompt "a red apple on a wooden table" --seed 2 --out "$work/apple.png"
"$program" --prompt "a pineapple on a wooden table" --seed 2 \
    --init-image "$work/apple.png" --mask "$work/mask.png" --out "$work/filled.png"
"$program" --prompt "a mushroom in a meadow" --seed 0 \
    --init-image "$work/scribble.png" --strength 0.7 --out "$work/repainted.png"

# The mask as the window shows it.
convert "$work/apple.png" \( -size 256x256 xc:'#FF2E63' \( "$work/mask.png" -evaluate multiply 0.45 \) \
    -alpha off -compose CopyOpacity -composite \) -compose over -composite "$work/masked.png"
for name in apple masked filled scribble repainted; do
    convert "$work/$name.png" -strip -quality 88 "$name.jpg"
done
