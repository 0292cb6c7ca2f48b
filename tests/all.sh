#!/usr/bin/env bash
# All tests, the fastest first, on a fresh Debian machine with Rust: what they need from Debian is
# installed when it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need Xvfb xvfb
need xdotool xdotool
need xwd x11-apps
need zenity zenity
for file in /usr/share/vulkan/icd.d/lvp_icd*.json; do
  [ -e "$file" ] || missing+=(mesa-vulkan-drivers)
done
# Opened by the window toolkit while it runs, so the linker does not ask for them.
for library in libxkbcommon-x11.so.0:libxkbcommon-x11-0 libXcursor.so.1:libxcursor1 \
  libXi.so.6:libxi6 libXrandr.so.2:libxrandr2 libX11-xcb.so.1:libx11-xcb1; do
  ldconfig -p | grep -q "${library%%:*}" || missing+=("${library##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  root=(); [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --check

step lints
cargo clippy --release --all-targets -- -D warnings

step build
cargo build --release --all-targets

step tidy
cargo test --release --test it tidy

step unit
cargo test --release --lib

step "engine, numbers and parity with diffusers"
cargo test --release --test it -- --skip tidy --skip ui:: --skip ui_ --skip cli:: \
  --skip window:: --skip journeys:: --skip flicker:: --skip journal:: --skip session:: --skip reopen:: --nocapture

step "journal and session, killed and cut"
cargo test --release --test it -- journal:: session:: reopen:: --nocapture

step "command line"
cargo test --release --test it cli::

step "window by label"
cargo test --release --test it -- ui:: ui_

step "the real window"
# One after the other: two windows at once would wait for each other.
cargo test --release --test it -- window:: journeys:: flicker:: --nocapture --test-threads 1
