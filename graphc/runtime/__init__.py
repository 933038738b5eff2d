"""Emitted text in, callables out: files on disk, modules, machine code, arenas and programs."""
