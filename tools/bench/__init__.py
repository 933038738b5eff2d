"""Measures graphc beside NumPy, PyTorch, JAX and PyTensor: `python -m tools.bench`."""
