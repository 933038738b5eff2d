"""A folder goes in; the peers' virtual environments are made, and the options for them come out."""

from __future__ import annotations

from pathlib import Path

from ..venvs import interpreter, made

# PyTensor bounds the version of numba from above, so it cannot share an environment with graphc.
VENVS = {
    "peers": ("numpy", "torch==2.13.0", "jax"),
    "peers-pytensor": ("pytensor",),
}


def setup(folder: Path) -> list[str]:
    """Makes what is not there yet, with pip; raises CalledProcessError where pip fails."""
    for name, packages in VENVS.items():
        made(folder / name, packages)
    return [
        "--peers-venv",
        str(folder / "peers"),
        "--venv",
        f"pytensor={interpreter(folder / 'peers-pytensor')}",
    ]
