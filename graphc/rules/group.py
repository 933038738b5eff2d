"""Gates written out in parts, and the one stage that each of them is.

A gate is grouped only where nobody reads its parts. The grouped stage is the better number: where
the parts overflow, or round small values away, it does not.
"""

from __future__ import annotations

from graphc.ops import exp, reciprocal, sigmoid, tanh
from graphc.rules.rule import Table, holes, rule

(x,) = holes("x")

# ruff: noqa: E501 - a row is one line
# fmt: off
GROUP = Table("group",
    rule("sigmoid",                 1.0 / (1.0 + exp(-x)),                              sigmoid(x)),
    rule("sigmoid-reciprocal",      reciprocal(1.0 + exp(-x)),                          sigmoid(x)),
    rule("sigmoid-power",           (1.0 + exp(-x)) ** -1.0,                            sigmoid(x)),
    rule("sigmoid-quotient",        exp(x) / (1.0 + exp(x)),                            sigmoid(x)),
    rule("sigmoid-of-minus",        1.0 / (1.0 + exp(x)),                               sigmoid(-x)),
    rule("sigmoid-of-minus-rec",    reciprocal(1.0 + exp(x)),                           sigmoid(-x)),
    rule("tanh",                    (exp(x) - exp(-x)) / (exp(x) + exp(-x)),            tanh(x)),
    rule("tanh-of-double",          (exp(2.0 * x) - 1.0) / (exp(2.0 * x) + 1.0),        tanh(x)),
    rule("tanh-of-minus-double",    (1.0 - exp(-2.0 * x)) / (1.0 + exp(-2.0 * x)),      tanh(x)),
    rule("tanh-by-sigmoid",         2.0 * sigmoid(2.0 * x) - 1.0,                       tanh(x)),
    alone=True,
)
# fmt: on
