"""The peak memory of one eager training step, in a process that does nothing else.

On a GPU it is what torch allocated; on a CPU the growth of the resident set, network included.
Run as a module it prints megabytes: python -m tests.bench.peak_memory core float32 cpu 16
"""

import subprocess
import sys
from dataclasses import replace


def measure(name: str, dtype: str, device: str, batch: int) -> float:
    """Megabytes, read from a fresh process."""
    command = [sys.executable, "-m", __name__, name, dtype, device, str(batch)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(name: str, dtype: str, device: str, batch: int) -> float:
    """One training step here and now; megabytes."""
    import torch

    from repro.machine import peak_memory
    from tests.bench.networks import CONTENDERS, DTYPES, prepare

    contender = replace(next(c for c in CONTENDERS if c.name == name), is_compiled=False)
    x = torch.randn(batch, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    t = torch.zeros(batch, dtype=torch.int64, device=device)
    place = torch.device(device)
    before = 0 if device == "cuda" else peak_memory(place)
    network, call = prepare(contender, DTYPES[dtype], device, True)
    with torch.autocast(device, DTYPES[dtype], enabled=dtype != "float32"):
        loss = (call(x, t).float() - x).square().mean()
    loss.backward()
    torch.optim.Adam(network.parameters(), fused=True).step()
    return (peak_memory(place) - before) / 2**20


if __name__ == "__main__":
    print(main(*sys.argv[1:4], int(sys.argv[4])))
