"""What networks are trained with: attention, normalisation, penalties, losses."""
