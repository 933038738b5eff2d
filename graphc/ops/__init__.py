"""The operations: one declaration each, a folder a family; importing them fills OPS and FUNCTIONS
of graphc.graph.

What all families are made with stands beside their folders: arguments (axes), spellings (spell),
core signatures (stack), several results (several), tangents, and rules for an axis more (stacked).
"""

# ruff: noqa: F403

from graphc.ops.elementwise import activations as _activations
from graphc.ops.elementwise import arith as _arith
from graphc.ops.elementwise import bits as _bits
from graphc.ops.elementwise import maths as _maths
from graphc.ops.elementwise import rounding as _rounding
from graphc.ops.elementwise import special as _special
from graphc.ops.elementwise import straight as _straight
from graphc.ops.elementwise.activations import *
from graphc.ops.elementwise.arith import *
from graphc.ops.elementwise.bits import *
from graphc.ops.elementwise.maths import *
from graphc.ops.elementwise.rounding import *
from graphc.ops.elementwise.special import *
from graphc.ops.elementwise.straight import *
from graphc.ops.indexing import index as _index
from graphc.ops.indexing import picking as _picking
from graphc.ops.indexing import putting as _putting
from graphc.ops.indexing import setting as _setting
from graphc.ops.indexing.index import *
from graphc.ops.indexing.picking import *
from graphc.ops.indexing.putting import *
from graphc.ops.indexing.setting import *
from graphc.ops.learning import attention as _attention
from graphc.ops.learning import classes as _classes
from graphc.ops.learning import distances as _distances
from graphc.ops.learning import divergences as _divergences
from graphc.ops.learning import likelihood as _likelihood
from graphc.ops.learning import losses as _losses
from graphc.ops.learning import neural as _neural
from graphc.ops.learning import normalize as _normalize
from graphc.ops.learning import training as _training
from graphc.ops.learning.attention import *
from graphc.ops.learning.classes import *
from graphc.ops.learning.distances import *
from graphc.ops.learning.divergences import *
from graphc.ops.learning.likelihood import *
from graphc.ops.learning.losses import *
from graphc.ops.learning.neural import *
from graphc.ops.learning.normalize import *
from graphc.ops.learning.training import *
from graphc.ops.linalg import decompositions as _decompositions
from graphc.ops.linalg import determinants as _determinants
from graphc.ops.linalg import factor as _factor
from graphc.ops.linalg import norms as _norms
from graphc.ops.linalg import spectral as _spectral
from graphc.ops.linalg import systems as _systems
from graphc.ops.linalg.decompositions import *
from graphc.ops.linalg.determinants import *
from graphc.ops.linalg.factor import *
from graphc.ops.linalg.norms import *
from graphc.ops.linalg.spectral import *
from graphc.ops.linalg.systems import *
from graphc.ops.products import einsum as _einsum
from graphc.ops.products import linear as _linear
from graphc.ops.products import tensors as _tensors
from graphc.ops.products.einsum import *
from graphc.ops.products.linear import *
from graphc.ops.products.tensors import *
from graphc.ops.reductions import cumulate as _cumulate
from graphc.ops.reductions import moments as _moments
from graphc.ops.reductions import order as _order
from graphc.ops.reductions import others as _others
from graphc.ops.reductions import quantiles as _quantiles
from graphc.ops.reductions import reduce as _reduce
from graphc.ops.reductions import running as _running
from graphc.ops.reductions.cumulate import *
from graphc.ops.reductions.moments import *
from graphc.ops.reductions.order import *
from graphc.ops.reductions.others import *
from graphc.ops.reductions.quantiles import *
from graphc.ops.reductions.reduce import *
from graphc.ops.reductions.running import *
from graphc.ops.shaping import diagonals as _diagonals
from graphc.ops.shaping import joining as _joining
from graphc.ops.shaping import layout as _layout
from graphc.ops.shaping import padding as _padding
from graphc.ops.shaping import pieces as _pieces
from graphc.ops.shaping import repeating as _repeating
from graphc.ops.shaping.diagonals import *
from graphc.ops.shaping.joining import *
from graphc.ops.shaping.layout import *
from graphc.ops.shaping.padding import *
from graphc.ops.shaping.pieces import *
from graphc.ops.shaping.repeating import *
from graphc.ops.sources import filling as _filling
from graphc.ops.sources import random as _random
from graphc.ops.sources.filling import *
from graphc.ops.sources.random import *
from graphc.ops.windows import adaptive as _adaptive
from graphc.ops.windows import conv as _conv
from graphc.ops.windows import convolve as _convolve
from graphc.ops.windows import frames as _frames
from graphc.ops.windows import pool as _pool
from graphc.ops.windows import resize as _resize
from graphc.ops.windows import sampling as _sampling
from graphc.ops.windows import sliding as _sliding
from graphc.ops.windows.adaptive import *
from graphc.ops.windows.conv import *
from graphc.ops.windows.convolve import *
from graphc.ops.windows.frames import *
from graphc.ops.windows.pool import *
from graphc.ops.windows.resize import *
from graphc.ops.windows.sampling import *
from graphc.ops.windows.sliding import *

_FILES = (
    # elementwise
    _activations,
    _arith,
    _bits,
    _maths,
    _rounding,
    _special,
    _straight,
    # indexing
    _index,
    _picking,
    _putting,
    _setting,
    # learning
    _attention,
    _classes,
    _distances,
    _divergences,
    _likelihood,
    _losses,
    _neural,
    _normalize,
    _training,
    # linalg
    _decompositions,
    _determinants,
    _factor,
    _norms,
    _spectral,
    _systems,
    # products
    _einsum,
    _linear,
    _tensors,
    # reductions
    _cumulate,
    _moments,
    _order,
    _others,
    _quantiles,
    _reduce,
    _running,
    # shaping
    _diagonals,
    _joining,
    _layout,
    _padding,
    _pieces,
    _repeating,
    # sources
    _filling,
    _random,
    # windows
    _adaptive,
    _conv,
    _convolve,
    _frames,
    _pool,
    _resize,
    _sampling,
    _sliding,
)
__all__ = [name for file in _FILES for name in file.__all__]
