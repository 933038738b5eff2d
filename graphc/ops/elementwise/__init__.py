"""What is done to each element by itself: arithmetic, bits, mathematical and special functions,
activations.

Names and meanings are those of NumPy 2 and of the Python array API standard (2024.12); what these
lack is SciPy's (scipy.special) or PyTorch's (torch.nn.functional), and says so.
"""
