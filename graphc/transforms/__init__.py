"""Graphs made of graphs: tangents, Jacobians, one axis more, other stages in the place of some."""
