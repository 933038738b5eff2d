"""What is taken of all elements along axes, or of each with those before it: sums, extremes,
moments, quantiles, orders.
"""
