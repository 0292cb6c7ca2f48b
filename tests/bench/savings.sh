#!/bin/bash
# Paints savings.jpg: a row for each saving, a column for each of four pictures, to be looked at.
# usage: savings.sh [PENTIMENTO]     needs ImageMagick; run it again for new weights
set -e
cd "$(dirname "$0")"
program=${1:-../../target/release/pentimento}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

prompts=("a penguin in the snow" "a palm tree on the beach" "a red apple on a wooden table" "a rocket")
rows=()
row() {
    local name=$1 pictures=() seed
    shift
    for seed in 0 1 2 3; do
        pictures+=("$work/${#rows[@]}-$seed.png")
        "$program" --prompt "${prompts[seed]}" --seed "$seed" --dtype f32 --out "${pictures[-1]}" "$@"
    done
    convert -size 220x256 -background white -fill '#303030' -font DejaVu-Sans -pointsize 15 -gravity center \
        caption:"$name" "${pictures[@]}" +append "$work/${#rows[@]}.png"
    rows+=("$work/${#rows[@]}.png")
}

row "everything"
row "guided from sigma 0.3 on" --guidance-interval 0.3,10000
row "guided from sigma 0.3 to 5.4" --guidance-interval 0.3,5.4
row "DeepCache, whole every 2 steps" --deep-cache 2
row "DeepCache, whole every 3 steps" --deep-cache 3
row "a quarter of the tokens merged" --token-merging 0.25
row "half of the tokens merged" --token-merging 0.5
row "weights in 8 bits" --weights int8
convert "${rows[@]}" -append -resize 75% -strip -quality 82 savings.jpg
