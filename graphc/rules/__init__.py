"""Rewrites: tables of named rows, the equations that were refused, and the passes that apply them."""
