#!/bin/bash
# All stages in order, each only where its result is missing; the last one trains until it is stopped.
# usage: [COOL=N] run.sh WORK [VAE_START]     again after any stop: it goes on from the last checkpoint
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=$1
python=${PYTHON:-python}
. "$here/env.sh" "$work"
mkdir -p "$work"
if [ ! -d "$work/node_modules" ]; then
    cp "$here/package.json" "$work" && npm install --silent --prefix "$work"
fi
if [ ! -f "$work/objects.pkl" ]; then
    [ -d "$work/flat" ] || node "$here/rasterise.js" "$work/node_modules" "$work/flat"
    "$python" "$here/objects.py" "$work/node_modules" "$work/flat" "$work/objects.pkl"
fi
# The autoencoder is ready; without that folder it is trained anew.
[ -d "$work/vae" ] || [ ! -d "$here/autoencoder" ] || cp -r "$here/autoencoder" "$work/vae"
[ -d "$work/vae" ] || "$python" "$here/vae.py" "$work" 20000 $2
[ -d "$work/vae" ] || exit 0
[ -d "$work/tokenizer" ] || "$python" "$here/tokenizer.py" "$work" "$work/node_modules"
exec "$python" "$here/train.py" "$work" ${COOL:+--cool "$COOL"}
