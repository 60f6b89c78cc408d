"""What a benchmark was measured on, in a line."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine(*versions: str) -> str:
    """Processor, Python, whatever else matters, and how busy the machine was before.

    Args:
        versions: of libraries, as they are to be read.
    """
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    load = [f"load before {os.getloadavg()[0]:.1f}"] if hasattr(os, "getloadavg") else []
    return ", ".join([f"{os.cpu_count()} cores of {model}", f"Python {platform.python_version()}", *versions, *load])
