"""The second half of decisions.py: two recordings, value for value."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# Columns that are times, and columns that are texts.
TIMES = {"seconds", "scheduler_seconds", "micros"}
TEXTS = {"reason", "verdict"}

# What a row of a table is known by.
KEYS = {
    "runs.csv": ["cell", "schedule", "seed"],
    "detector.csv": ["budget", "curve", "noise", "level", "rule"],
    "fleet.csv": ["member"],
}

MISSING = "(no such value)"

Value = str | None
Run = dict[str, Value]


def read(part: Path) -> dict[str, Run]:
    """Every run of a part: a row of a table of runs, or a file of one run."""
    runs: dict[str, Run] = {}
    for path in sorted(part.rglob("*")):
        # A run may have two files, run.csv and run.json.
        run = runs.setdefault(str(path.relative_to(part).with_suffix("")), {})
        if path.suffix == ".json":
            run |= leaves(json.loads(path.read_text(), parse_float=str), "")
        elif path.name in KEYS:
            for row in rows(path):
                runs[" ".join(row[key] for key in KEYS[path.name])] = dict(row)
        elif path.suffix == ".csv":
            for i, row in enumerate(rows(path)):
                run |= {f"{column}[{i}]": value for column, value in row.items()}
    return {name: run for name, run in runs.items() if run}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def leaves(node: object, place: str) -> Iterator[tuple[str, Value]]:
    """`events[3].lr` and the like, with the numbers as they are written: Rust prints every bit."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from leaves(child, f"{place}.{key}" if place else key)
    elif isinstance(node, list):
        yield f"{place}.length", str(len(node))
        for i, child in enumerate(node):
            yield from leaves(child, f"{place}[{i}]")
    else:
        yield place, None if node is None else str(node)


class Wording:
    """Texts of two recordings: reworded one for one, or different."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.back: dict[str, str] = {}

    def agrees(self, a: str, b: str) -> bool:
        return self.there.setdefault(a, b) == b and self.back.setdefault(b, a) == a

    def reworded(self) -> Iterator[str]:
        return (f"{a!r} is now {b!r}" for a, b in self.there.items() if a != b)


def differences(a: Run, b: Run, wording: dict[str, Wording]) -> Iterator[str]:
    """Column and both values."""
    for column in a | b:
        last = column.rpartition(".")[2]
        x, y = (run.get(column, MISSING) for run in (a, b))
        if MISSING in (x, y):
            same = False
        elif last in TEXTS and x is not None and y is not None:
            same = wording.setdefault(last, Wording()).agrees(x, y)
        else:
            same = x == y or last in TIMES
        if not same:
            yield f"{column}: {x} | {y}"


def compare(a: Path, b: Path, parts: Iterable[str], shown: int) -> bool:
    """Whether all parts are there and equal, value for value."""
    for folder in (a, b):
        if not (folder / "made-by.json").exists():
            sys.exit(f"{folder} is no recording: decisions.py record --out {folder}")
    if (a / "made-by.json").read_text() == (b / "made-by.json").read_text():
        print("note: both were made by the same programs")
    equal = True
    for part in parts:
        before, after = read(a / part), read(b / part)
        wording: dict[str, Wording] = {}
        lines, wrong = [], 0
        for run in before | after:
            if run in before and run in after:
                found = list(differences(before[run], after[run], wording))
            else:
                found = [f"only in {a if run in before else b}"]
            wrong += bool(found)
            lines += [f"  {run}: {line}" for line in found]
        runs = len(before | after)
        print(f"{part}: " + (f"{wrong} of {runs} runs differ" if wrong else f"{runs} runs equal"))
        for line in lines[:shown]:
            print(line)
        if len(lines) > shown:
            print(f"  … and {len(lines) - shown} more")
        for column, texts in wording.items():
            for line in texts.reworded():
                print(f"  {column} reworded: {line}")
        equal &= bool(before) and not wrong
    return equal
