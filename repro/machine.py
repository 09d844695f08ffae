"""On what a number was measured: the processor, the GPU, the versions, the commit."""

import platform
import re
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("torch", "numpy", "safetensors", "scikit-learn", "scipy", "torch-fidelity")


def hardware(device: torch.device) -> dict[str, str | int]:
    """The processor and its threads; the GPU, where it is used."""
    found: dict[str, str | int] = {"processor": _processor(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        found |= {"gpu": gpu.name, "gpu_memory_gib": round(gpu.total_memory / 2**30)}
    return found


def versions() -> dict[str, str]:
    """Python, and each package that touches a number and is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the project, "+" after it where files were changed since, or "unknown"."""
    root = Path(__file__).parent.parent

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True,
                              check=True, timeout=20).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def peak_memory(device: torch.device) -> int:
    """Bytes: of the GPU where it is used, else of the process, with what Python itself holds."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:  # Linux; getrusage would begin with the peak of the process that started this one
        status = Path("/proc/self/status").read_text("ascii")
        held = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(held[1]) * 1024  # type: ignore[index]  # None is the TypeError below
    except (OSError, TypeError):
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines()
             if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
