"""The operations: one declaration each, a file a family; importing them fills OPS and FUNCTIONS of
graphc.graph.
"""

# ruff: noqa: F403

from graphc.ops import activations as _activations
from graphc.ops import adaptive as _adaptive
from graphc.ops import arith as _arith
from graphc.ops import attention as _attention
from graphc.ops import bits as _bits
from graphc.ops import classes as _classes
from graphc.ops import conv as _conv
from graphc.ops import cumulate as _cumulate
from graphc.ops import determinants as _determinants
from graphc.ops import diagonals as _diagonals
from graphc.ops import distances as _distances
from graphc.ops import divergences as _divergences
from graphc.ops import einsum as _einsum
from graphc.ops import filling as _filling
from graphc.ops import frames as _frames
from graphc.ops import index as _index
from graphc.ops import layout as _layout
from graphc.ops import likelihood as _likelihood
from graphc.ops import linalg as _linalg
from graphc.ops import linear as _linear
from graphc.ops import losses as _losses
from graphc.ops import maths as _maths
from graphc.ops import moments as _moments
from graphc.ops import neural as _neural
from graphc.ops import normalize as _normalize
from graphc.ops import norms as _norms
from graphc.ops import order as _order
from graphc.ops import others as _others
from graphc.ops import padding as _padding
from graphc.ops import picking as _picking
from graphc.ops import pieces as _pieces
from graphc.ops import pool as _pool
from graphc.ops import putting as _putting
from graphc.ops import quantiles as _quantiles
from graphc.ops import random as _random
from graphc.ops import reduce as _reduce
from graphc.ops import repeating as _repeating
from graphc.ops import resize as _resize
from graphc.ops import rounding as _rounding
from graphc.ops import running as _running
from graphc.ops import sampling as _sampling
from graphc.ops import setting as _setting
from graphc.ops import shaping as _shaping
from graphc.ops import special as _special
from graphc.ops import straight as _straight
from graphc.ops import systems as _systems
from graphc.ops import tensors as _tensors
from graphc.ops import training as _training
from graphc.ops.activations import *
from graphc.ops.adaptive import *
from graphc.ops.arith import *
from graphc.ops.attention import *
from graphc.ops.bits import *
from graphc.ops.classes import *
from graphc.ops.conv import *
from graphc.ops.cumulate import *
from graphc.ops.determinants import *
from graphc.ops.diagonals import *
from graphc.ops.distances import *
from graphc.ops.divergences import *
from graphc.ops.einsum import *
from graphc.ops.filling import *
from graphc.ops.frames import *
from graphc.ops.index import *
from graphc.ops.layout import *
from graphc.ops.likelihood import *
from graphc.ops.linalg import *
from graphc.ops.linear import *
from graphc.ops.losses import *
from graphc.ops.maths import *
from graphc.ops.moments import *
from graphc.ops.neural import *
from graphc.ops.normalize import *
from graphc.ops.norms import *
from graphc.ops.order import *
from graphc.ops.others import *
from graphc.ops.padding import *
from graphc.ops.picking import *
from graphc.ops.pieces import *
from graphc.ops.pool import *
from graphc.ops.putting import *
from graphc.ops.quantiles import *
from graphc.ops.random import *
from graphc.ops.reduce import *
from graphc.ops.repeating import *
from graphc.ops.resize import *
from graphc.ops.rounding import *
from graphc.ops.running import *
from graphc.ops.sampling import *
from graphc.ops.setting import *
from graphc.ops.shaping import *
from graphc.ops.special import *
from graphc.ops.straight import *
from graphc.ops.systems import *
from graphc.ops.tensors import *
from graphc.ops.training import *

__all__: list[str] = []
__all__ += _activations.__all__
__all__ += _adaptive.__all__
__all__ += _arith.__all__
__all__ += _attention.__all__
__all__ += _bits.__all__
__all__ += _classes.__all__
__all__ += _conv.__all__
__all__ += _cumulate.__all__
__all__ += _determinants.__all__
__all__ += _diagonals.__all__
__all__ += _distances.__all__
__all__ += _divergences.__all__
__all__ += _einsum.__all__
__all__ += _filling.__all__
__all__ += _frames.__all__
__all__ += _index.__all__
__all__ += _layout.__all__
__all__ += _likelihood.__all__
__all__ += _linalg.__all__
__all__ += _linear.__all__
__all__ += _losses.__all__
__all__ += _maths.__all__
__all__ += _moments.__all__
__all__ += _neural.__all__
__all__ += _normalize.__all__
__all__ += _norms.__all__
__all__ += _order.__all__
__all__ += _others.__all__
__all__ += _padding.__all__
__all__ += _picking.__all__
__all__ += _pieces.__all__
__all__ += _pool.__all__
__all__ += _putting.__all__
__all__ += _quantiles.__all__
__all__ += _random.__all__
__all__ += _reduce.__all__
__all__ += _repeating.__all__
__all__ += _resize.__all__
__all__ += _rounding.__all__
__all__ += _running.__all__
__all__ += _sampling.__all__
__all__ += _setting.__all__
__all__ += _shaping.__all__
__all__ += _special.__all__
__all__ += _straight.__all__
__all__ += _systems.__all__
__all__ += _tensors.__all__
__all__ += _training.__all__
