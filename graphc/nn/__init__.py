"""Layers: functions that add stages and params to the graph of their input, and give back a stage.

The params of a layer are in a scope of its name, `dense.W`; without a name it is the first of
`dense`, `dense2`, ... that is free. A layer that serves twice is written with its params, which the
graph has by their names: `x @ g["dense.W"]`.
"""

from graphc.nn.attention import multi_head_attention, transformer_block
from graphc.nn.cells import (
    Weights,
    gru_cell,
    gru_weights,
    lstm_cell,
    lstm_weights,
    rnn_cell,
    rnn_weights,
)
from graphc.nn.convolution import conv1d, conv2d, conv3d
from graphc.nn.dense import dense, embedding
from graphc.nn.norm import batch_norm, group_norm, layer_norm, rms_norm
from graphc.nn.recurrent import gru, lstm, rnn
from graphc.random.dropout import alpha_dropout, dropout, dropout2d

__all__ = [
    "Weights",
    "alpha_dropout",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "dense",
    "dropout",
    "dropout2d",
    "embedding",
    "group_norm",
    "gru",
    "gru_cell",
    "gru_weights",
    "layer_norm",
    "lstm",
    "lstm_cell",
    "lstm_weights",
    "multi_head_attention",
    "rms_norm",
    "rnn",
    "rnn_cell",
    "rnn_weights",
    "transformer_block",
]
