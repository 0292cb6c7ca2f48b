"""What the peers of `pentimento bench` share; the peer's own file follows in the same script.

Arguments: the peer's name, the model's folder, f32 or bf16, threads. Each line of standard input is
one question, {"part", "height", "width", "steps"}; each answer is one JSON object a line: {"secs"},
null for a part that the peer does not do. The first answer tells what runs; {"part": "memory"} asks
for the peak memory.
"""

import functools
import json
import os
import resource
import sys
import time

NAME, FOLDER, DTYPE, THREADS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
# Whatever else is printed, by libraries too, goes to the standard error.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
PROMPT = "a fox in the snow"
GUIDANCE = 7.5


def config(part):
    with open(os.path.join(FOLDER, part, "config.json")) as file:
        return json.load(file)


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def answer(values):
    print(json.dumps(values), file=ANSWERS, flush=True)


def serve(versions, run, notes=lambda: ""):
    """Answers until nobody asks any more; `run` takes a question and returns seconds or None."""
    answer({"versions": versions})
    for line in sys.stdin:
        question = json.loads(line)
        if question["part"] == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            answer({"peak_bytes": peak, "notes": notes()})
        else:
            answer({"secs": run(question)})


