"""Linear algebra on LAPACK: factorisations, equations, spectra, determinants, norms.

Names and meanings are those of numpy.linalg; what it lacks is scipy.linalg's or torch.linalg's.
"""
