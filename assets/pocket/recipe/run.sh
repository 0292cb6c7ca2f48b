#!/bin/bash
# All stages in order, each only where its result is missing; the last one trains until it is stopped.
# usage: [COOL=N] run.sh WORK [VAE_START]     again after any stop: it goes on from the last checkpoint
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=$1
python=${PYTHON:-python}
# Threads that wait spin for half a millisecond, then sleep: to sleep at once is slow on a virtual machine, whose idle
# cores are lent away; to spin for longer takes the core that the other thread needs when other work has one.
export GOMP_SPINCOUNT=10000
# Memory is kept rather than given back to the system: fresh pages for every large tensor cost a quarter of the time.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=67108864
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
export TORCHINDUCTOR_CACHE_DIR="$work/compiled" PYTHONUNBUFFERED=1
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
