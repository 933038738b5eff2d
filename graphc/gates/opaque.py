"""Gates that are not looked into: a user's functions of numbers or arrays, compiled by Numba, in;
operations whose values and gradients are calls of them out.

Emitted code calls them by name, `gates.softabs(x[i])`, and holds no text of theirs;
`graphc.runtime.callbacks` gives the names their addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphError, ShapeError, UsageError
from graphc.expr import OUTSIDE, Call, Expr, as_expr
from graphc.gates.called import Called, arity, named
from graphc.gates.gate import check_name, entered
from graphc.graph import Node, Op
from graphc.ops.elementwise.arith import zeros_like
from graphc.ops.linalg.factor import by_core
from graphc.ops.reductions.reduce import sum
from graphc.ops.shaping.layout import move_axis, reshape
from graphc.ops.sources.filling import eye
from graphc.ops.spell import Each, Routine
from graphc.ops.stack import Signature, signature
from graphc.types import (
    NAMES,
    Type,
    bind_shape,
    broadcast,
    dtype_name,
    floating,
    product,
    promote,
    shape_text,
)

WORK = 50
"""About how many operations a call is worth: it is not looked into."""

Types = tuple[Type, ...]

_AXES = r"\([A-Za-z_]\w*(?:,[A-Za-z_]\w*)*\)"
_CORE = re.compile(f"{_AXES}(?:,{_AXES})*->{_AXES}(?:,{_AXES})*", re.ASCII)


def opaque(
    name: str,
    function: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    *,
    core: str | None = None,
    dtype: Any = None,
) -> Op:
    """A new operation `name` that calls a function of numbers, or of arrays, that Numba compiles.

    Of numbers, elementwise: `function(*args)` is its value, `backward(g, y, *args)` for each
    argument the upstream gradient `g` times the local one: a number for one argument, a tuple for
    several. Arguments broadcast and are computed in the float type that they promote to:

        softabs = gr.opaque("softabs", lambda x: math.sqrt(x*x + 1), lambda g, y, x: g * x / y)
        y = softabs(gr.matmul(x, W))

    Of arrays, with a `core` such as "(n),(n,m)->(m)": `function(x, A, y)` fills y, and
    `backward(d_y, y, x, A, d_x, d_A)` fills d_x and d_A, once for each core of the stack that the
    leading axes broadcast to. Arrays are C-contiguous and of the element types of the arguments,
    which are not to be written to; those to fill begin as zeros, of the float type that the
    arguments promote to.

    `dtype` is the element type of the results where it is to be another. Functions are Python's,
    which numba.njit compiles, or compiled already. They depend on nothing but their arguments and
    may be called from several threads at once; what they raise in compiled code is printed by
    Numba, not raised. Without `backward` no gradient passes; with it, the gradient has none itself.
    A tangent through a function of arrays calls `backward` for each element of a core.
    Calling opaque again with a name replaces the operation. Raises GraphError (G505) for a name
    that belongs to an operation of graphc, UsageError for what are no such functions, and, when a
    program is compiled, for what Numba cannot compile (G604).
    """
    check_name(name)
    made = _elementwise if core is None else partial(_cored, core)
    return entered(made(name, function, backward, None if dtype is None else dtype_name(dtype)))


def _whose(name: str, backward: bool = False) -> str:
    return f"the {'backward ' if backward else ''}function of {name}"


def _check_arity(whose: str, function: Any, wanted: int, like: str) -> None:
    found = arity(whose, function)
    if found != wanted:
        raise UsageError(f"{whose} takes {found} arguments, not {wanted}: {like}")


def _check_count(types: Types, wanted: int, constants: Mapping[str, Any]) -> None:
    if constants:
        raise UsageError(f"it takes no constants, and {', '.join(constants)} is given")
    if len(types) != wanted:
        raise UsageError(f"it takes {wanted} arguments, not {len(types)}")


def _computed(types: Types) -> str:
    """The float type that arguments are computed in."""
    return floating(promote(*(t.dtype for t in types)))


def _gradient_dtype(dtype: str | None) -> bool:
    """Whether results of this element type may have a gradient."""
    return dtype is None or Type(dtype).is_float


def _no_gradient(name: str, *_: Any, **__: Any) -> Any:
    raise GraphError(
        f"the gradient of {name} is given by a function of numbers, and has no gradient itself",
        code="G521",
        hint="gr.gate takes functions of stages, which have gradients of every order",
    )


# Of numbers


def _elementwise(name: str, function: Callable[..., Any], backward: Any, dtype: str | None) -> Op:
    takes = arity(_whose(name), function)
    terms: tuple[Op, ...] = ()
    if backward is not None:
        _check_arity(_whose(name, True), backward, takes + 2, "g, y and its arguments")
        if _gradient_dtype(dtype):
            terms = tuple(_term(name, backward, k, takes) for k in range(takes))
    return _each(name, named(name, _whose(name), function, takes), dtype, _terms_of(terms), None)


def _term(name: str, backward: Callable[..., Any], index: int, among: int) -> Op:
    """One term of the gradient as an operation."""
    own = f"d_{name}" if among == 1 else f"d_{name}_{index}"
    called = named(own, _whose(name, True), backward, among + 2, term=(index, among))
    stop = partial(_no_gradient, name)
    return _each(own, called, None, stop, stop)


def _terms_of(terms: Sequence[Op]) -> Callable[..., Any] | None:
    def vjp(g: Node, y: Node, *args: Node) -> list[Node | None]:
        pairs = zip(terms, args, strict=True)
        return [term(g, y, *args) if a.type.is_float else None for term, a in pairs]

    return vjp if terms else None


def _each(name: str, called: Called, dtype: str | None, vjp: Any, jvp: Any) -> Op:
    """The operation that calls a function of numbers at each place."""

    def infer(*types: Type, **constants: Any) -> Type:
        _check_count(types, called.takes, constants)
        called.used(_computed(types))
        return Type(dtype or _computed(types), broadcast(*(t.shape for t in types)))

    def spelled(*args: Any) -> Expr:
        call = Call(OUTSIDE + called.name, tuple(map(as_expr, args)))
        return call if dtype is None else Call("boolean" if dtype == "bool" else dtype, (call,))

    def operands(args: Types, result: Type) -> tuple[str, ...]:
        return (_computed(args),) * len(args)

    return Op(
        name, infer, Each(spelled, operands, work=WORK), partial(_mapped, called), vjp, jvp=jvp
    )


def _mapped(called: Called, *arrays: np.ndarray) -> np.ndarray:
    """What a function of numbers means for arrays, which are cast to one float type before."""
    places = np.broadcast(*arrays)
    found = [called.plain(*values) for values in places]
    return np.array(found, arrays[0].dtype).reshape(places.shape)


# Of arrays


def _cored(core: str, name: str, function: Any, backward: Any, dtype: str | None) -> Op:
    found = _checked_core(core)
    args, results = len(found.args), len(found.results)
    like = "the arguments, then what is to be filled"
    _check_arity(_whose(name), function, args + results, like)
    slopes = None
    if backward is not None:
        like = "gradients and values of the results, the arguments, and their gradients to fill"
        _check_arity(_whose(name, True), backward, 2 * (results + args), like)
        slopes = _slopes(name, backward, found) if _gradient_dtype(dtype) else None
    called = named(name, _whose(name), function, args + results, core=found)

    def dtypes(types: Types) -> tuple[str, ...]:
        return (dtype or _computed(types),) * results

    vjp = slopes and partial(_through, slopes)
    return _routine(name, called, dtypes, vjp, slopes and partial(_tangents, slopes, found))


def _checked_core(core: Any) -> Signature:
    text = core.replace(" ", "") if isinstance(core, str) else ""
    if not _CORE.fullmatch(text):
        raise UsageError(
            f"the core {core!r} is not one", hint="'(n),(n,m)->(m)', with an axis or more in each"
        )
    found = signature(text)
    known = {name for axes in found.args for name in axes}
    for name in (n for axes in found.results for n in axes if n not in known):
        raise UsageError(f"the core {core!r} does not tell {name}, which no argument has")
    return found


def _slopes(name: str, backward: Callable[..., Any], core: Signature) -> Op:
    """The operation that gives the gradients of all arguments."""
    whole = Signature((*core.results, *core.results, *core.args), core.args)
    given, filled = len(whole.args), len(whole.results)
    called = named(f"d_{name}", _whose(name, True), backward, given + filled, core=whole)

    def dtypes(types: Types) -> tuple[str, ...]:
        own = _computed(types)
        return tuple(t.dtype if t.is_float else own for t in types[given - filled :])

    stop = partial(_no_gradient, name)
    return _routine(f"d_{name}", called, dtypes, stop, stop)


def _through(slopes: Op, g: Any, y: Any, *args: Node) -> list[Node | None]:
    """The gradients of the arguments, from those of the results."""
    ys = y if isinstance(y, tuple) else (y,)
    gs = g if isinstance(y, tuple) else (g,)
    above = [zeros_like(r) if d is None else d for d, r in zip(gs, ys, strict=True)]
    found = _all(slopes(*above, *ys, *args))
    return [d if a.type.is_float else None for d, a in zip(found, args, strict=True)]


def _all(found: Any) -> tuple[Node, ...]:
    return found if isinstance(found, tuple) else (found,)


def _tangents(slopes: Op, core: Signature, tangents: Sequence[Any], y: Any, *args: Node) -> Any:
    """The tangents of the results, from the gradients of each of their elements."""
    ys = _all(y)
    found = tuple(_tangent(slopes, core, tangents, ys, k, args) for k in range(len(ys)))
    return found if isinstance(y, tuple) else found[0]


def _tangent(
    slopes: Op,
    core: Signature,
    tangents: Sequence[Any],
    ys: tuple[Node, ...],
    which: int,
    args: tuple[Node, ...],
) -> Node:
    """The Jacobian times the tangents: a stack of as many gradients as a core has elements, one for
    each of its elements, times the tangents.
    """
    y = ys[which]
    lead = y.ndim - len(core.results[which])
    sizes = y.shape[lead:]
    if not all(isinstance(d, int) for d in sizes):
        raise ShapeError(
            f"the tangent of a function of arrays takes literal sizes, not {shape_text(sizes)}"
        )
    ones = reshape(eye(product(sizes), dtype=y.dtype, like=y), (-1, *(1,) * lead, *sizes))
    rows = _all(slopes(*(ones if r is y else zeros_like(r) for r in ys), *ys, *args))
    terms = [
        sum(row * t, tuple(range(-len(axes), 0)))
        for row, t, axes in zip(rows, tangents, core.args, strict=True)
        if t is not None
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return reshape(move_axis(total, 0, -1), y.shape)


def _routine(
    name: str, called: Called, dtypes: Callable[[Types], tuple[str, ...]], vjp: Any, jvp: Any
) -> Op:
    """The operation that calls a function of arrays for each core of a stack."""
    core = called.core
    assert core is not None

    def types_of(types: Types) -> Types:
        return core.types(types, *dtypes(types))

    def infer(*types: Type, **constants: Any) -> Any:
        _check_count(types, len(core.args), constants)
        found = types_of(types)
        called.used(*(t.dtype for t in (*types, *found)))
        return found if len(found) > 1 else found[0]

    def value(*cores: np.ndarray) -> Any:
        found = types_of(tuple(Type(NAMES[c.dtype], c.shape) for c in cores))
        filled = [np.empty(bind_shape(t.shape, {}), t.numpy) for t in found]
        called.fill([*map(np.ascontiguousarray, cores), *filled])
        return tuple(filled) if len(filled) > 1 else filled[0]

    text = _text(core)
    means = by_core(infer, text, value)
    return Op(name, infer, Routine(OUTSIDE + called.name), means, vjp, core=text, jvp=jvp)


def _text(core: Signature) -> str:
    """The signature as an operation has it."""
    args, results = (
        ",".join(f"({','.join(axes)})" for axes in part) for part in (core.args, core.results)
    )
    return f"{args}->{results}"
