"""Rewrites: tables of named rows, refused equations, and the passes that apply the tables."""
