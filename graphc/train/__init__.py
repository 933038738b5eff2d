"""Training: optimisers written as graphs, the compiled step, its epochs, and files of weights."""
