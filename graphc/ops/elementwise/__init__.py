"""What is done to each element by itself: arithmetic, bits, mathematical and special functions,
activations.
"""
