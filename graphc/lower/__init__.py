"""Plan to kernels: loops, lines and calls from nests, slots and spellings."""
