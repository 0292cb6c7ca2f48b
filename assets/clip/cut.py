"""Writes merges.txt.gz: the merges of CLIP's vocabulary that CLIP uses, in their order.

The file that ships with open_clip lists 262,144 merges, of which CLIP's 49,408 tokens need the
first 48,894 (256 bytes, 256 bytes at the end of a word, and two marks make up the rest).

    python assets/clip/cut.py FOLDER/open_clip/bpe_simple_vocab_16e6.txt.gz
"""

import gzip
import sys
from pathlib import Path

USED = 49152 - 256 - 2

lines = gzip.open(sys.argv[1]).read().decode("utf-8").split("\n")[1 : USED + 1]
assert lines[0] == "i n" and len(lines) == USED and all(len(line.split()) == 2 for line in lines)
target = Path(__file__).parent / "merges.txt.gz"
target.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode("utf-8"), 9, mtime=0))
print(f"{target.name}: {target.stat().st_size} bytes, {len(lines)} merges")
