"""Arrays that come of no array: filled by a formula, by NumPy's names and meanings, or drawn from a
key and counters.
"""
