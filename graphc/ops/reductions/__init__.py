"""What is taken of all elements along axes, or of each with those before it: sums, extremes,
moments, quantiles, orders.

Names and meanings are those of NumPy 2 and of the Python array API standard (2024.12); what these
lack is PyTorch's, and says so.
"""
