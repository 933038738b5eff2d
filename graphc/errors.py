"""The error family: every failure a user can cause is one sentence with a code, the user's node and
line, and a hint.

Each class also subclasses the built-in exception that a caller would expect, so existing handlers
keep working.
"""

from __future__ import annotations


class GraphcError(Exception):
    """One sentence about what is wrong: both facts that disagree, the node, the user's line, a
    hint.

    `code` is stable ("G101"), `subject` says whose fault it is ("matmul 'hidden' (net.py:14)").
    """

    code = "G000"

    def __init__(self, sentence: str, *, subject: str = "", hint: str = "", code: str = "") -> None:
        self.sentence = sentence
        self.subject = subject
        self.hint = hint
        self.code = code or type(self).code
        super().__init__(str(self))

    def about(self, subject: str) -> GraphcError:
        """The same error, told of `subject` unless it already names one."""
        self.subject = self.subject or subject
        self.args = (str(self),)
        return self

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"[{self.code}] {subject}{self.sentence}{hint}"


class ShapeError(GraphcError, ValueError):
    """Two shapes do not fit, or a shape is not what an operation takes."""

    code = "G101"


class DTypeError(GraphcError, TypeError):
    """An element type is not what an operation or an input takes."""

    code = "G201"


class FeedError(GraphcError, KeyError):
    """A call names an input that does not exist, leaves one out, or feeds one badly."""

    code = "G301"
    __str__ = GraphcError.__str__


class LabelError(GraphcError, IndexError):
    """A label or an index in the data points outside of what it indexes."""

    code = "G307"


class NonFiniteError(GraphcError, FloatingPointError):
    """A value stopped being finite."""

    code = "G401"


class GraphError(GraphcError, ValueError):
    """The graph itself is wrong: a cycle, a name twice, a slot missing, a loss without params."""

    code = "G501"


class UsageError(GraphcError, TypeError):
    """A stage was used as if it were a number, or a function got an argument it does not take."""

    code = "G601"


class MissingError(GraphcError, AttributeError):
    """A step has no attribute, and its optimiser no number, of that name."""

    code = "G602"


class DataError(GraphcError, ValueError):
    """A file of data or weights is not what it should be."""

    code = "G701"


class CompileFailure(GraphcError, RuntimeError):
    """The emitted module did not compile: a defect of graphc, never of the model."""

    code = "G901"


class RecompileWarning(UserWarning):
    """Data of other sizes made a program compile again."""
