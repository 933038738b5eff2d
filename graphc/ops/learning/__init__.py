"""What networks are trained with: attention, normalisation, penalties, losses.

Names and meanings are those of torch.nn.functional; what comes from a paper names it.
"""
