"""Images and labels in; a net of relu layers trained on them, its test accuracy and its module out.

The last two lines of the report are `test accuracy 0.9xxx` and `module PATH`. Rows are held out
before training, and what happens on them changes nothing in it.
"""

from __future__ import annotations

import argparse
import math
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from graphc.cli.tell import positive, remark, report, seed, whole, widths
from graphc.errors import DataError, NonFiniteError
from graphc.graph import Graph, Node
from graphc.init import he_normal
from graphc.ops import argmax, astype, cross_entropy, equal, mean, relu
from graphc.train import digits
from graphc.train.data import Dataset, load_npz
from graphc.train.fit import History, Row
from graphc.train.optim import SGD, Adam, AdamW, Momentum, Optimizer
from graphc.train.step import Step, compile_step

DIGITS = "digits"

OPTIMIZERS: dict[str, tuple[type[Optimizer], float]] = {
    "adam": (Adam, 0.003),
    "adamw": (AdamW, 0.003),
    "momentum": (Momentum, 0.05),
    "sgd": (SGD, 0.1),
}
"""Each with a learning rate that suits a net of this kind."""


def fill(parser: argparse.ArgumentParser) -> None:
    """The options of `graphc train`."""
    rates = ", ".join(f"{rate:g} for {name}" for name, (_, rate) in OPTIMIZERS.items())
    add = parser.add_argument
    add("data", metavar="DATA", help="digits, or FILE.npz with arrays x and y")
    add("--epochs", type=whole, default=30, metavar="N", help="30")
    add("--lr", type=positive, metavar="RATE", help=rates)
    add("--batch-size", type=whole, default=64, metavar="N", help="64")
    add("--hidden", type=widths, default=[100], metavar="N,N", help="sizes of hidden layers (100)")
    add("--optimizer", choices=tuple(OPTIMIZERS), default="adam", help="adam")
    add("--seed", type=seed, default=0, help="of the first weights and the order of rows (0)")
    add("--save", metavar="OUT.npz", help="where the trained step goes")


def run(options: argparse.Namespace) -> int:
    """Train and print how well it went."""
    _check_folder(options.save)
    data = _data(options.data)
    title = DIGITS if options.data == DIGITS else Path(options.data).stem
    layers = [data.features, *options.hidden, _classes(data)]
    net = network(title, layers, data.y_train.dtype)
    kind, rate = OPTIMIZERS[options.optimizer]
    optimizer: Any = kind(lr=options.lr or rate)  # type: ignore[call-arg]
    step = compile_step(net["loss"], optimizer=optimizer, seed=options.seed)
    size = sum(n * m + m for n, m in pairwise(layers))
    remark(
        options,
        f"{options.data}: {len(data.x_train)} rows to train on, {len(data.x_test)} to test on\n"
        f"net {'-'.join(map(str, layers))} with {size} params; {options.optimizer}, "
        f"lr {optimizer.lr:g}, batches of {options.batch_size}",
    )
    begun = perf_counter()
    history = _fit(step, data, options)
    facts = {"data": options.data, "layers": layers, "params": size, "lr": optimizer.lr}
    facts |= {"optimizer": options.optimizer, "batch size": options.batch_size}
    _tell(options, step, history, facts | {"seed": options.seed, "seconds": perf_counter() - begun})
    return 0


def _fit(step: Step, data: Dataset, options: argparse.Namespace) -> History:
    return step.fit(
        {"x": data.x_train, "labels": data.y_train},
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation={"x": data.x_test, "labels": data.y_test},
        metrics={"accuracy": "accuracy"},
        callbacks=[_stays_finite],
        verbose=True,
    )


def _stays_finite(step: Step, row: Row) -> None:
    if not math.isfinite(row["loss"]):
        raise NonFiniteError(
            f"the loss is {row['loss']} in epoch {row['epoch']}", hint="a smaller --lr may help"
        )


def _tell(options: argparse.Namespace, step: Step, history: History, facts: dict[str, Any]) -> None:
    if options.save:
        step.save(options.save)
    last = history[-1]
    facts |= {"epochs": len(history), "loss": last["loss"], "test accuracy": last["val_accuracy"]}
    facts |= {"saved": options.save, "module": step.path, "history": list(history)}
    told = f"{len(history)} epochs in {facts['seconds']:.1f} s, compilation included"
    lines = [f"{told}; loss {last['loss']:.4g}, test loss {last['val_loss']:.4g}"]
    lines += [f"saved {options.save}"] if options.save else []
    lines += [f"test accuracy {last['val_accuracy']:.4f}", f"module {step.path}"]
    report(options, facts, "\n".join(lines))


def _check_folder(file: str | None) -> None:
    """Raise DataError before the training where its result could not be written after it."""
    if file and not Path(file).absolute().parent.is_dir():
        raise DataError("there is no such folder", subject=file)


# The data and the net


def _data(name: str) -> Dataset:
    """The rows; raises DataError for a file that does not hold them, or too few."""
    data = digits.split() if name == DIGITS else load_npz(name)
    if not len(data.x_test):
        raise DataError(f"{len(data.x_train)} rows are too few to hold some out", subject=name)
    return data


def _classes(data: Dataset) -> int:
    """Their number; a class of one row may be among those held out."""
    return int(max(data.y_train.max(), data.y_test.max())) + 1


def network(title: str, layers: list[int], labels: Any) -> Graph:
    """A classifier, relu between its layers; names `loss`, the batch mean, and `accuracy`."""
    net = Graph(title, dtype="float32")
    with net.told((), None):  # lines of this file would say nothing to the user
        h, t = net.input("x", ("batch", layers[0])), net.input("labels", ("batch",), labels)
        for i, (n, m) in enumerate(pairwise(layers), start=1):
            z = _layer(net, h, i, n, m)
            h = relu(z).named(f"h{i}") if i < len(layers) - 1 else z.named("logits")
        cross_entropy(h, t).named("loss")
        mean(astype(equal(argmax(h, axis=1), t), "float32")).named("accuracy")
    return net


def _layer(net: Graph, h: Node, i: int, n: int, m: int) -> Node:
    W = net.param(f"W{i}", (n, m), init=he_normal())
    return h @ W + net.param(f"b{i}", (m,))
