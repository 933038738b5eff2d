"""Control flow: stages that run graphs of their own, again and again or one of two."""

from graphc.flow.branch import cond
from graphc.flow.loops import fori, while_loop
from graphc.flow.scan import scan

__all__ = ["cond", "fori", "scan", "while_loop"]
