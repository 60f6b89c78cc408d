"""Stands in for the process that lays movies out: it does what a file in the run's folder says."""

import json
import sys
from pathlib import Path

import numpy as np

from autorec_core.layouts import FILE, as_bytes

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    how = (folder / "how").read_text()
    if how == "fail":
        raise MemoryError("there is no room for it")
    if how == "garble":
        sys.stdout.buffer.write(b"\xff\n")
        sys.stderr.buffer.write(b"\xfe is what it says\n")
        sys.exit(1)
    sys.stdout.write("not a line of progress\n" + json.dumps({"step": "layout", "share": 0.5}) + "\n")
    sys.stdout.flush()
    if how == "wait":
        sys.stdin.read()
        sys.exit(3)
    (folder / FILE).write_bytes(as_bytes(np.arange(4), np.ones((4, 2)), np.full((4, 3), 2.0)))
