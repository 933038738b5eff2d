"""The command line: `graphc train digits`, and looking at models: dump, check, info, cache.

Exit codes: 0, 1 (a check failed), 2 (usage, a bad file, a bad model: one sentence on stderr).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import DataError, GraphcError, UsageError
from graphc.version import __version__

Parser = argparse.ArgumentParser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GraphcError as error:
        print(f"graphc: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> Parser:
    parser = Parser(prog="graphc", description="Compile computational graphs and read the code.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (run, fill, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        fill(command)
    return parser


# train


def _train_options(parser: Parser) -> None:
    parser.add_argument("data", help="digits, or FILE.npz with x and y")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--lr", type=float, default=None, help="default: the optimiser's own")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--hidden", default="100", help="widths of hidden layers: 100,50")
    parser.add_argument("--optimizer", default="adam", choices=("sgd", "momentum", "adam", "adamw"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", metavar="OUT.npz", help="where the weights go")


def _train(options: argparse.Namespace) -> int:
    from graphc.ops import argmax

    data = _data(options)
    step, logits = _network(data, options)
    _say(options, f"{len(data.x_train)} rows to train on, {len(data.x_test)} to test on")
    rows = {"x": data.x_train, "labels": data.y_train}
    history = step.fit(rows, epochs=options.epochs, batch_size=options.batch_size)
    predicted = step.compile(argmax(logits, axis=1))(x=data.x_test)
    accuracy = float(np.mean(predicted == data.y_test))
    if options.save:
        step.save(options.save)
    _report(
        options,
        {"loss": history["loss"][-1], "test accuracy": accuracy, "module": step.path},
        f"loss {history['loss'][-1]:.4f}\ntest accuracy {accuracy:.4f}\nmodule {step.path}",
    )
    return 0


def _data(options: argparse.Namespace) -> Any:
    if options.data == "digits":
        from graphc.train import digits

        return digits.split(seed=options.seed)
    from graphc.train.data import load_npz

    return load_npz(options.data)


def _network(data: Any, options: argparse.Namespace) -> tuple[Any, Any]:
    """A net of relu layers over the data's features, with its training step."""
    from graphc import init
    from graphc.graph import Graph
    from graphc.ops import cross_entropy, relu
    from graphc.train import optim
    from graphc.train.step import compile_step

    net = Graph("digits" if options.data == "digits" else Path(options.data).stem, dtype="f32")
    h = net.input("x", ("batch", data.features))
    labels = net.input("labels", ("batch",), data.y_train.dtype)
    widths = [data.features, *_widths(options.hidden), data.classes]
    for layer, (n, m) in enumerate(pairwise(widths), 1):
        W = net.param(f"W{layer}", (n, m), init=init.he_normal())
        b = net.param(f"b{layer}", (m,))
        h = h @ W + b
        h = relu(h).named(f"h{layer}") if layer < len(widths) - 1 else h.named("logits")
    loss = cross_entropy(h, labels).named("loss")
    made = {"sgd": optim.SGD, "momentum": optim.Momentum}
    made |= {"adam": optim.Adam, "adamw": optim.AdamW}
    chosen = made[options.optimizer]
    optimizer = chosen() if options.lr is None else chosen(lr=options.lr)
    return compile_step(loss, optimizer=optimizer, seed=options.seed), h


def _widths(text: str) -> list[int]:
    try:
        widths = [int(w) for w in text.split(",") if w.strip()]
    except ValueError:
        widths = [0]
    if any(w < 1 for w in widths):
        raise UsageError(f"--hidden {text!r} is not a list of widths", hint="write --hidden 100,50")
    return widths


# A model in a file


def load_model(where: str) -> Any:
    """What NAME is in MODEL.py, called first when it is a function; raises UsageError."""
    file, _, name = where.rpartition(":")
    if not file or not name:
        raise UsageError(f"{where!r} names no model", hint="write MODEL.py:NAME")
    scope = _run_file(Path(file))
    if name not in scope:
        raise UsageError(f"{file} has nothing named {name!r}")
    found = scope[name]
    made_by = callable(found) and not hasattr(found, "plan") and not hasattr(found, "nodes")
    return found() if made_by and not hasattr(found, "op") else found


def _run_file(path: Path) -> dict[str, Any]:
    import runpy

    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    try:
        return runpy.run_path(str(path), run_name="graphc_model")
    except GraphcError:
        raise
    except Exception as error:
        raise UsageError(f"{path} fails with {type(error).__name__}: {error}") from None
    finally:
        sys.path.pop(0)


def _program(found: Any) -> Any:
    """A program of a node, a graph, a step or a program; a scalar is compiled with gradients."""
    from graphc.compile import compile

    if hasattr(found, "program"):
        return found.program
    if hasattr(found, "door"):
        return found
    node = _loss(found)
    wrt = differentiable(node)
    scalar = node is not None and not node.shape and node.type.is_float and wrt
    return compile(node if node is not None else found, wrt=wrt if scalar else None)


def _loss(found: Any) -> Any:
    """The stage that is meant: itself, a step's loss, the only output of a graph, or None."""
    if hasattr(found, "outputs") and hasattr(found, "nodes"):
        outputs = list(found.outputs.values())
        return outputs[0] if len(outputs) == 1 else None
    return getattr(found, "loss", found)


def differentiable(node: Any) -> list[Any]:
    """The params that a stage needs, or where it has none the float inputs."""
    leaves = [n for n in node.graph.order(node) if n.is_leaf and n.name and n.type.is_float]
    params = [n for n in leaves if n.op.name == "param"]
    return params or [n for n in leaves if n.op.name == "input"]


# dump


def _dump_options(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL.py:NAME")
    what = ("graph", "plan", "source", "llvm", "asm")
    parser.add_argument("--what", default="source", choices=what)
    parser.add_argument("--after", metavar="PASS", help="the graph as this pass left it")
    parser.add_argument("-o", "--output", metavar="FILE")


def _dump(options: argparse.Namespace) -> int:
    program = _program(load_model(options.model))
    text = _dumped(program, options)
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    elif options.json:
        print(json.dumps({options.what: text}))
    else:
        print(text)
    return 0


def _dumped(program: Any, options: argparse.Namespace) -> str:
    if options.after or options.what == "graph":
        name = options.after or "settle"
        if name not in program.after:
            known = ", ".join(program.after)
            raise UsageError(f"no pass is named {name!r}", hint=f"there are {known}")
        return str(program.after[name].graph)
    if options.what == "plan":
        return str(program.plan)
    return str({"source": program.source, "llvm": program.llvm, "asm": program.asm}[options.what]())


# check


def _check_options(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL.py:NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=4, help="what named sizes are taken to be")


def _check(options: argparse.Namespace) -> int:
    from graphc.check import check_gradient

    node = _loss(load_model(options.model))
    if node is None or not hasattr(node, "op"):
        raise UsageError(f"{options.model} is no single stage whose gradient could be checked")
    feeds = random_feeds(node, options.seed, options.batch)
    report = check_gradient(node, feeds, wrt=differentiable(node))
    _report(options, {"ok": report.ok, "table": str(report)}, str(report))
    return 0 if report.ok else 1


def random_feeds(node: Any, seed: int, size: int) -> dict[str, np.ndarray]:
    """Random values for the inputs that a stage needs: normal numbers, small labels."""
    from graphc.types import bind_shape

    rng = np.random.default_rng(seed)
    feeds = {}
    for n in node.graph.order(node):
        if n.op.name == "input":
            shape = bind_shape(n.shape, dict.fromkeys(n.type.names(), size))
            drawn = rng.standard_normal(shape) if n.type.is_float else rng.integers(0, 2, shape)
            feeds[n.name] = np.asarray(drawn, n.type.numpy)
    return feeds


# info and cache


def _info(options: argparse.Namespace) -> int:
    import llvmlite
    import llvmlite.binding as llvm
    import networkx
    import numba

    from graphc.runtime import store
    from graphc.runtime.target import target

    entries = store.entries()
    facts = {
        "graphc": __version__,
        "python": sys.version.split()[0],
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "numpy": np.__version__,
        "networkx": networkx.__version__,
        "cpu": llvm.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "products": target(),
        "cache": str(store.cache_dir()),
        "cache bytes": sum(e.bytes for e in entries),
    }
    _report(options, facts, "\n".join(f"{name:<12} {value}" for name, value in facts.items()))
    return 0


def _cache_options(parser: Parser) -> None:
    parser.add_argument("action", choices=("dir", "list", "clear"))


def _cache(options: argparse.Namespace) -> int:
    from graphc.runtime import store

    return CACHE[options.action](options, store)


def _cache_dir(options: argparse.Namespace, store: Any) -> int:
    _report(options, {"dir": str(store.cache_dir())}, str(store.cache_dir()))
    return 0


def _cache_list(options: argparse.Namespace, store: Any) -> int:
    entries = store.entries()
    rows = [f"{e.bytes:>10}  {e.name}" for e in entries]
    _report(options, {"files": [[e.name, e.bytes] for e in entries]}, "\n".join(rows))
    return 0


def _cache_clear(options: argparse.Namespace, store: Any) -> int:
    count = store.clear()
    _report(options, {"removed": count}, f"{count} files removed")
    return 0


CACHE: dict[str, Callable[..., int]] = {
    "dir": _cache_dir,
    "list": _cache_list,
    "clear": _cache_clear,
}


# Telling


def _report(options: argparse.Namespace, facts: dict[str, Any], text: str) -> None:
    print(json.dumps(facts) if options.json else text)


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.json:
        print(text)


def _nothing(parser: Parser) -> None:
    """No options of its own."""


COMMANDS: dict[str, tuple[Callable[..., int], Callable[[Parser], None], str]] = {
    "train": (_train, _train_options, "train a network on the embedded digits or on FILE.npz"),
    "dump": (_dump, _dump_options, "print the graph, the plan or the code of a model"),
    "check": (_check, _check_options, "check a model's gradient against central differences"),
    "info": (_info, _nothing, "versions, processor, cache"),
    "cache": (_cache, _cache_options, "where compiled code is kept; list or clear it"),
}

__all__ = ["DataError", "load_model", "main", "random_feeds"]
