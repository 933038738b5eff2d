"""The operators, a file a family; importing them fills ROWS of graphc.io.onnx.rows."""

from __future__ import annotations

from graphc.io.onnx.operators import (
    activations,
    arithmetic,
    casts,
    control,
    indices,
    layout,
    losses,
    matrices,
    normalise,
    pooling,
    recurrent,
    reductions,
    resizing,
    sampling,
    sequences,
    signals,
    sources,
    training,
    windows,
)

FAMILIES = (
    activations,
    arithmetic,
    casts,
    control,
    indices,
    layout,
    losses,
    matrices,
    normalise,
    pooling,
    recurrent,
    reductions,
    resizing,
    sampling,
    sequences,
    signals,
    sources,
    training,
    windows,
)
