"""Functions that programs share: made once, kept as machine code."""

import ctypes

import pytest
from llvmlite import ir

from graphc.emit import prelude
from graphc.emit.prelude import objects

if prelude.JIT_OFF:
    pytest.skip("there is nothing compiled", allow_module_level=True)


class Drawer(objects.Keeper):
    """Keeps in memory, and knows who asked."""

    def __init__(self):
        self.kept, self.asked = {}, []

    def get(self, name):
        self.asked.append(name)
        return self.kept.get(name)

    def put(self, name, code):
        self.kept[name] = code


@pytest.fixture
def drawer(monkeypatch):
    monkeypatch.setattr(objects, "_keeper", [found := Drawer()])
    monkeypatch.setattr(objects, "_objects", {})
    return found


def answering(number):
    """A module with a function that returns a number."""

    def make(name):
        module = ir.Module(name)
        function = ir.Function(module, ir.FunctionType(ir.IntType(64), []), name)
        ir.IRBuilder(function.append_basic_block()).ret(ir.IntType(64)(number))
        return module

    return make


def answer(name):
    address = objects.binding.address_of_symbol(name)
    return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()


def never(name):
    raise AssertionError("it is there already")


def test_a_function_is_made_once_and_kept(drawer):
    name = objects.shared("seven", answering(7))
    assert objects.shared("seven", never) == name
    objects.ready()
    assert answer(name) == 7
    assert list(drawer.kept) == [name]


def test_kept_code_is_not_made_again(drawer):
    name = objects.shared("eight", answering(8))
    objects.ready()
    objects._objects.clear()
    assert objects.shared("eight", never) == name
    objects.ready()
    assert answer(name) == 8


def test_whatever_is_asked_for_while_others_are_made_is_made(drawer, capsys):
    names = []
    for number in range(30):
        names.append(objects.shared(f"number {number}", answering(number)))
        objects.ready()  # now and then just as the thread that makes them ends
    assert [answer(name) for name in names] == list(range(30))
    assert capsys.readouterr().err == ""


def test_another_text_is_another_function(drawer):
    assert objects.shared("nine", answering(9)) != objects.shared("ten", answering(10))
    objects.ready()


def test_what_went_wrong_is_told_to_who_waits(drawer, capsys):
    objects.shared("eleven", never)
    with pytest.raises(AssertionError, match="already"):
        objects.ready()
    assert capsys.readouterr().err == ""
    objects._objects.clear()
