"""Where elements stand: other shapes, pieces, repetitions, borders, diagonals.

Names and meanings are those of NumPy 2 and of the Python array API standard (2024.12); what these
lack, flatten, unflatten, diag_embed and diagonal_scatter, is PyTorch's.
"""
