"""A folder and packages go in; a virtual environment is made, and its Python comes out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def made(venv: Path, packages: Sequence[str]) -> Path:
    """Makes what is not there yet, with pip; raises CalledProcessError where pip fails."""
    python = interpreter(venv)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(pip, check=True)
    return python


def interpreter(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
