"""Values that stopped being finite in, the first stage where that happened out: what debug="nan"
does.

The graph is interpreted stage by stage with the state as it was before the call. Note: [Whose
fault].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import NonFiniteError
from graphc.graph import INPUT, PARAM, STATE, Node
from graphc.interpret import evaluate
from graphc.joint import Joint
from graphc.runtime.arena import State, view


class Guard:
    """Watches the calls of one program: `before` a call, then `after` it with what it was fed."""

    def __init__(self, joint: Joint, state: State) -> None:
        self.joint, self.state = joint, state

    def before(self) -> np.ndarray:
        """The state as bytes, to go back to."""
        return self.state.bytes.copy()

    def after(
        self,
        before: np.ndarray,
        feeds: Mapping[str, np.ndarray],
        sizes: Mapping[str, int],
        values: Iterable[Any],
    ) -> None:
        """Raise NonFiniteError and restore the state when a result or a new state is not finite."""
        if all(is_finite(v) for v in values) and not self._spoiled(before):
            return
        self.state.bytes[...] = before
        raise self._located(feeds, sizes)

    def _spoiled(self, before: np.ndarray) -> bool:
        """Whether a state that was finite is not so any more."""
        wrong = [(n, array) for n, array in self.state.items() if not is_finite(array)]
        offsets = self.state.offsets
        return any(is_finite(view(before, offsets[n], a.dtype, a.shape)) for n, a in wrong)

    def _located(self, feeds: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> NonFiniteError:
        graph = self.joint.graph
        known = {n: feeds[n.name or ""] for n in graph.leaves(INPUT) if n.name in feeds}
        known |= {n: self.state[n.name or ""] for op in (PARAM, STATE) for n in graph.leaves(op)}
        values = evaluate(self.joint.roots, known, sizes)
        for node in graph.order(*self.joint.roots):
            if not is_finite(values[node]) and all(is_finite(values[a]) for a in node.args):
                return _told(self.joint, node, values)
        return NonFiniteError("a result is not finite, though every stage by itself is")


def is_finite(value: Any) -> bool:
    """Whether no element is infinite or not a number; of several results, of none of them."""
    if isinstance(value, tuple):
        return all(map(is_finite, value))
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


# The sentence


class Domain(NamedTuple):
    """Where an operation has no finite value: of which argument, at which end, the test, a hint."""

    slot: int
    end: str
    words: str
    test: Callable[[np.ndarray], np.ndarray]
    hint: str = ""


def _overflows(x: np.ndarray) -> np.ndarray:
    return x > np.log(np.finfo(np.result_type(x, np.float32)).max)


EXTREMES: dict[str, Callable[[np.ndarray], Any]] = {"min": np.min, "max": np.max}
LOG = "the log of a probability is gr.log_softmax(scores), which never takes log(0)"
LARGE = "gr.softmax, gr.sigmoid and gr.logsumexp do not overflow"
ZERO = "add a small number to the divisor, or keep such elements out with gr.where"

# fmt: off
DOMAINS = {
    "log":        Domain(0, "min", "<= 0", lambda x: x <= 0, LOG),
    "log1p":      Domain(0, "min", "<= -1", lambda x: x <= -1),
    "sqrt":       Domain(0, "min", "< 0", lambda x: x < 0),
    "reciprocal": Domain(0, "min", "== 0", lambda x: x == 0, ZERO),
    "divide":     Domain(1, "min", "== 0", lambda x: x == 0, ZERO),
    "power":      Domain(0, "min", "<= 0", lambda x: x <= 0),
    "exp":        Domain(0, "max", "beyond the largest exponent", _overflows, LARGE),
    "expm1":      Domain(0, "max", "beyond the largest exponent", _overflows),
}
# fmt: on


def _told(joint: Joint, node: Node, values: Mapping[Node, Any]) -> NonFiniteError:
    if node.is_leaf:
        return _told_leaf(node, values[node])
    domain = DOMAINS.get(node.op.name)
    subject, place = _place(joint, node)
    facts = [_fact(node.args[i], values, domain) for i in _slots(node, domain, values)]
    return NonFiniteError(
        "; ".join([f"{_kind(values[node])} first appears {place}", *facts]),
        subject=subject,
        hint=domain.hint if domain else "",
    )


def _told_leaf(node: Node, value: Any) -> NonFiniteError:
    when = "fed" if node.op is INPUT else "there before the call"
    array = np.asarray(value)
    wrong = int((~np.isfinite(array)).sum())
    return NonFiniteError(
        f"{wrong} of the {array.size} elements that were {when} are not finite", subject=node.label
    )


def _place(joint: Joint, node: Node) -> tuple[str, str]:
    """Whose stage it is, and in which sweep."""
    if node.backward_of is not None:
        where = "in the gradient through it, in the backward sweep"
        return node.backward_of.label, where
    for state, value in joint.updates.items():
        if node not in joint.graph.order(*joint.outputs) and node in joint.graph.order(value):
            return state.label, "in its update"
    return node.label, "here, in the forward sweep"


def _kind(value: Any) -> str:
    """Which of nan, inf and -inf there is, the first of them."""
    arrays = [np.asarray(v) for v in (value if isinstance(value, tuple) else (value,))]
    tests: dict[str, Any] = {"nan": np.isnan, "inf": np.isposinf, "-inf": np.isneginf}
    return next(name for name, test in tests.items() if any(test(a).any() for a in arrays))


def _slots(node: Node, domain: Domain | None, values: Mapping[Node, Any]) -> list[int]:
    """The argument to speak of: the one of the domain, else that of the largest magnitude."""
    if domain is not None:
        return [domain.slot]
    sizes = [np.max(np.abs(values[a]), initial=0) for a in node.args]
    return [int(np.argmax(sizes))] if sizes else []


def _fact(arg: Node, values: Mapping[Node, Any], domain: Domain | None) -> str:
    """What may have caused it: `input 'p' had min 0, 3 of 320 elements <= 0`."""
    array, who = np.asarray(values[arg]), _who(arg)
    if not array.size:
        return f"{who} had no elements"
    extremes = f"{who} had min {array.min():.6g} and max {array.max():.6g}"
    wrong = int(domain.test(array).sum()) if domain else 0
    if domain is None or not wrong:
        return extremes
    end = f"{domain.end} {EXTREMES[domain.end](array):.6g}"
    return f"{who} had {end}, {wrong} of {array.size} elements {domain.words}"


def _who(arg: Node) -> str:
    names = [arg.name] if arg.name else [f"d_{n.name}" for n in arg.graph.gradients.get(arg, ())]
    return f"input {names[0]!r}" if names else f"its input, {arg.op.name},"


# Note [Whose fault]
#
# A call is looked into only when something that leaves it is not finite: an infinity that a mask
# takes out again, such as the -inf of an attention's mask, is nobody's fault. Then the first stage
# whose value is not finite while all its arguments are is the one to name, in the order in which
# stages were written down: the forward sweep, then the backward one, then the update.
