"""Linear algebra on LAPACK: factorisations, equations, spectra, determinants, norms."""
