"""Facts and options in, what a command prints out: text for a reader, or one JSON object."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphc.errors import DataError


def report(options: argparse.Namespace, facts: Mapping[str, Any], text: str) -> None:
    """Print what a command found out, as text, or with --json as an object."""
    print(json.dumps(plain(facts)) if options.json else text)


def remark(options: argparse.Namespace, text: str) -> None:
    """Print at once what is said on the way; with --json nothing."""
    if not options.json:
        print(text, flush=True)


def plain(value: Any) -> Any:
    """The value as JSON has it, whose numbers are finite: null stands for nan and infinity."""
    if isinstance(value, Mapping):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(file: str, text: str) -> None:
    """Write a text file; raises DataError when that cannot be done."""
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"it cannot be written: {error.strerror}", subject=file) from error


def whole(text: str) -> int:
    """An option's number, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def positive(text: str) -> float:
    """An option's number, above 0 and finite."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def seed(text: str) -> int:
    """An option's number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def widths(text: str) -> list[int]:
    """An option's list of sizes, "100,50"; "" has none."""
    try:
        return [whole(width.strip()) for width in text.split(",")] if text else []
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths, 100,50") from None
