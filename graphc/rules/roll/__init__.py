"""Runs of equal steps become loops: the pass `roll`."""

from graphc.rules.roll.walk import roll

__all__ = ["roll"]
