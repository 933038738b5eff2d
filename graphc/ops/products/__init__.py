"""Sums of products: of matrices, of tensors, over named axes."""
