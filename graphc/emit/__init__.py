"""A Plan of kernels in, the text of a module that a person can read out."""
