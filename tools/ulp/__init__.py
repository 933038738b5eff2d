"""The errors of the prelude's functions, in units of the last place."""
