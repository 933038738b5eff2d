"""Sums of products: of matrices, of tensors, over named axes; NumPy's names and meanings."""
