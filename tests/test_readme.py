"""The README's Python example, run as a reader would paste it."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_example_runs_as_printed():
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    check = "\nassert images.shape == (4, 3, 32, 32) and images.isfinite().all() and loss > 0\n"
    done = subprocess.run([sys.executable, "-c", example + check], capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stderr
