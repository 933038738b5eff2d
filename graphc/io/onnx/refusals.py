"""What an ONNX model may ask for and graphc refuses, each with one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.errors import GraphcError


class Unsupported(GraphcError, NotImplementedError):
    """A model that is well formed uses what graphc has not."""

    code = "G711"


class UnknownValue(Unsupported):
    """A shape, an axis or a count is computed from inputs, so it is not known before data comes.

    `inputs` names those: given as values, the model can be read.
    """

    code = "G712"

    def __init__(self, what: str, inputs: Iterable[str]) -> None:
        self.inputs = tuple(inputs)
        names = ", ".join(map(repr, self.inputs)) or "random numbers"
        hint = f"from_onnx(model, values={{{self.inputs[0]!r}: ...}})" if self.inputs else ""
        super().__init__(f"{what} depends on {names}, whose value is not known yet", hint=hint)
