"""Graphs as plain networkx graphs, and back."""
