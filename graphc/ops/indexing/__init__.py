"""Elements picked, put and added up at integer indices.

Names and meanings are those of NumPy 2 and of the Python array API standard (2024.12); one_hot,
masked_fill, scatter and its kin are PyTorch's.
"""
