"""Arrays that come of no array: filled by a formula, or drawn from a key and counters."""
