"""A folder goes in; the peers' virtual environments are made, and the options for them come out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# PyTensor bounds the version of numba from above, so it cannot share an environment with graphc.
VENVS = {
    "peers": ("numpy", "torch==2.13.0", "jax"),
    "peers-pytensor": ("pytensor",),
}


def setup(folder: Path) -> list[str]:
    """Makes what is not there yet, with pip; raises CalledProcessError where pip fails."""
    for name, packages in VENVS.items():
        if not interpreter(folder / name).exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        pip = [str(interpreter(folder / name)), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, check=True)
    return [
        "--peers-venv",
        str(folder / "peers"),
        "--venv",
        f"pytensor={interpreter(folder / 'peers-pytensor')}",
    ]


def interpreter(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
