"""Fourier transforms, as products with their matrices; the last axis holds real and imaginary
parts.
"""

from __future__ import annotations

import numpy as np

import graphc.ops as gr
from graphc.errors import DataError
from graphc.graph import Node
from graphc.io.onnx.elements import HELD, check_size, element
from graphc.io.onnx.rows import Known, integers, literal, number, row
from graphc.types import DTYPES


def _turned(n: int, m: int, inverse: bool) -> np.ndarray:
    """exp(-2 pi i k t / n) for m times t and n frequencies k, (m, n)."""
    check_size((m, n), "the matrix of a Fourier transform", HELD)
    angle = np.outer(np.arange(m), np.arange(n)) * (2j if inverse else -2j) * np.pi / n
    return np.exp(angle) / (n if inverse else 1)


def transform(x: Node, n: int, inverse: bool, onesided: bool) -> Node:
    """The transform of x (..., time, 1 or 2) along its last axis but one, (..., frequency, 2).

    It is added up in f64: so many terms cancel that f32 would leave noise where zeros are.
    """
    (steps, parts) = literal(x.shape[-2:], "a Fourier transform")
    dtype, x = x.dtype, gr.astype(x, "f64")
    matrix = _turned(n, min(steps, n), inverse)
    matrix = matrix[:, : n // 2 + 1] if onesided and not inverse else matrix
    x = gr.index(x, (..., slice(0, min(steps, n)), slice(None)))
    cos, sin = np.ascontiguousarray(matrix.real), np.ascontiguousarray(matrix.imag)
    re = gr.index(x, (..., 0))
    if parts == 1:
        return gr.astype(gr.stack([gr.matmul(re, cos), gr.matmul(re, sin)], -1), dtype)
    im = gr.index(x, (..., 1))
    real = gr.matmul(re, cos) - gr.matmul(im, sin)
    return gr.astype(gr.stack([real, gr.matmul(re, sin) + gr.matmul(im, cos)], -1), dtype)


def _whole(x: Node, n: int) -> Node:
    """The half of a spectrum that onesided transforms keep, with the other half put back."""
    (kept,) = literal([x.shape[-2]], "a Fourier transform")
    mirror = gr.flip(gr.index(x, (..., slice(1, n - kept + 1), slice(None))), -2)
    sign = np.array([1, -1], DTYPES[x.dtype])
    return gr.concat([x, mirror * sign], -2)


@row("DFT")
def dft(
    x: Node,
    dft_length: Known | None = None,
    axis: Known | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
    opset: int,
) -> Node:
    along = integers(axis)[0] if axis is not None else (-2 if opset >= 20 else 1)
    along %= x.ndim
    order = [*(i for i in range(x.ndim - 1) if i != along), along, x.ndim - 1]
    moved = gr.transpose(x, order)
    (steps,) = literal([moved.shape[-2]], "DFT")
    half = bool(onesided and inverse)
    usual = 2 * (steps - 1) if half else steps
    n = usual if dft_length is None else integers(dft_length)[0]
    y = transform(_whole(moved, n) if half else moved, n, bool(inverse), bool(onesided))
    y = gr.index(y, (..., slice(0, 1))) if half else y
    return gr.transpose(y, [int(i) for i in np.argsort(order)])


@row("STFT")
def stft(
    signal: Node,
    frame_step: Known,
    window: Node | None = None,
    frame_length: Known | None = None,
    *,
    onesided: int = 1,
) -> Node:
    step = integers(frame_step)[0]
    size = integers(frame_length)[0] if frame_length is not None else literal(window.shape, "")[0]  # type: ignore[union-attr]
    (length,) = literal([signal.shape[1]], "STFT")
    starts = np.arange((length - size) // step + 1) * step
    frames = gr.take(signal, starts[:, None] + np.arange(size), 1)
    if window is not None:
        frames = frames * gr.expand_dims(window, 1)
    return transform(frames, size, False, bool(onesided))


@row("MelWeightMatrix")
def mel_weight_matrix(
    num_mel_bins: Known,
    dft_length: Known,
    sample_rate: Known,
    lower_edge_hertz: Known,
    upper_edge_hertz: Known,
    *,
    output_datatype: int = 1,
) -> np.ndarray:
    """(frequencies, bins): triangles that are evenly apart in mel, 2595 log10(1 + f/700)."""
    (count,), (n,), (rate,) = map(integers, (num_mel_bins, dft_length, sample_rate))
    frequencies = n // 2 + 1
    check_size((frequencies, count), "the matrix of mel weights", HELD)
    ends = [number(edge, 0.0) for edge in (lower_edge_hertz, upper_edge_hertz)]
    low, high = (2595 * np.log10(1 + edge / 700) for edge in ends)
    mel = low + np.arange(count + 2) * (high - low) / (count + 2)
    corner = (n + 1) * 700 * (10 ** (mel / 2595) - 1) // rate
    if not (corner[0] >= 0 and corner[-1] <= frequencies):
        raise DataError(f"{ends} hertz are not among the frequencies up to {rate / 2:g}")
    left, middle, right = corner[:-2], corner[1:-1], corner[2:]
    at = np.arange(frequencies)[:, None]
    up = np.where(middle > left, (at - left) / np.maximum(middle - left, 1), at == middle)
    down = (right - at) / np.maximum(right - middle, 1)
    found = np.maximum(np.where(at < middle, np.minimum(up, 1), np.where(at == middle, 1, down)), 0)
    return found.astype(DTYPES[element(output_datatype)])
