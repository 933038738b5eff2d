"""gradbench's problems on graphc, compared with PyTorch."""
