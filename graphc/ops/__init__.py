"""The operations: one declaration each, a file a family; importing them fills OPS and FUNCTIONS of
graphc.graph.
"""

# ruff: noqa: F403

from graphc.ops import arith as _arith
from graphc.ops import index as _index
from graphc.ops import layout as _layout
from graphc.ops import linear as _linear
from graphc.ops import maths as _maths
from graphc.ops import moments as _moments
from graphc.ops import neural as _neural
from graphc.ops import norms as _norms
from graphc.ops import pieces as _pieces
from graphc.ops import reduce as _reduce
from graphc.ops.arith import *
from graphc.ops.index import *
from graphc.ops.layout import *
from graphc.ops.linear import *
from graphc.ops.maths import *
from graphc.ops.moments import *
from graphc.ops.neural import *
from graphc.ops.norms import *
from graphc.ops.pieces import *
from graphc.ops.reduce import *

__all__: list[str] = []
__all__ += _arith.__all__
__all__ += _index.__all__
__all__ += _layout.__all__
__all__ += _linear.__all__
__all__ += _maths.__all__
__all__ += _moments.__all__
__all__ += _neural.__all__
__all__ += _norms.__all__
__all__ += _pieces.__all__
__all__ += _reduce.__all__
