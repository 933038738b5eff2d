"""Tests of the prelude look at all of it, also at what is imported only when it is asked for."""

from graphc.emit import prelude

for _name in prelude.__all__:
    getattr(prelude, _name)
