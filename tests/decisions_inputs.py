"""What the programs of decisions.py are given: losses that are made, and data to train on."""

import csv
import random
import shutil
from collections.abc import Callable
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


def curves(n: int, seed: int) -> dict[str, list[float]]:
    """`n` losses of each kind. Only +, −, ×, ÷, which are the same on every machine."""
    nan, infinity = float("nan"), float("inf")
    uniform = random.Random(seed).random

    def noise() -> float:
        return (sum(uniform() for _ in range(12)) - 6) / 20

    def made(loss: Callable[[float], float]) -> list[float]:
        return [loss(i / n) for i in range(n)]

    def with_(losses: list[float], place: float, *stray: float) -> list[float]:
        at = int(place * n)
        return (losses[:at] + list(stray) + losses[at + len(stray) :])[:n]

    valley = made(lambda x: 1 + 16 * (x - 0.3) ** 2 + noise())
    slope = made(lambda x: 2 - x + noise())
    spikes = [y + (20 if i % max(n // 20, 7) == 5 else 0) for i, y in enumerate(slope)]
    explosion = [2.0]
    while len(explosion) < n:
        explosion.append(explosion[-1] * (1 + 60 / n))
    return {
        "valley": valley,
        "early valley": made(lambda x: 1 + 40 * (x - 0.1) ** 2 + noise()),
        "two valleys": made(lambda x: 1 + 30 * (x % 0.3 - 0.2) ** 2 + noise()),
        "smooth valley": made(lambda x: 1 + 16 * (x - 0.3) ** 2),
        "slope": slope,
        "smooth slope": made(lambda x: 2 - x),
        "rise": made(lambda x: 1 + x + noise()),
        "noise": made(lambda x: 2 + 4 * noise()),
        "constant": [2.0] * n,
        "zero": [0.0] * n,
        "two values": [1.0 + i % 2 for i in range(n)],
        "stairs": made(lambda x: 8 - int(8 * x)),
        "cliff": made(lambda x: 2 - 3 * x + noise() if x < 0.3 else 100 + noise()),
        "plateau": made(lambda x: max(2 - 6 * x, 1) + noise()),
        "rise in the decay": made(lambda x: (2 - 2 * x if x < 0.7 else 2.5) + noise()),
        "long spike": with_(valley, 0.2, *[30.0] * (n // 20)),
        "spikes": spikes,
        "NaN first": with_(slope, 0, nan),
        "NaN": with_(slope, 0.2, nan),
        "NaN, later infinity": with_(with_(slope, 0.2, nan), 0.8, infinity),
        "NaN thrice": with_(valley, 0.25, nan, nan, nan),
        "NaN often": [nan if i % 9 == 4 else y for i, y in enumerate(valley)],
        "NaN from the middle": with_(slope, 0.5, *[nan] * n),
        "NaN only": [nan] * n,
        "infinity": with_(slope, 0.3, infinity),
        "minus infinity": with_(slope, 0.3, -infinity),
        "explosion": explosion,
        "huge": [1e300 * y for y in valley],
        "tiny": [1e-300 * y for y in valley],
        "negative": [y - 50 for y in valley],
    }


def idx(numbers: bytes | bytearray, *shape: int) -> bytes:
    """MNIST's format: 0, 0, 8 (unsigned bytes), the dimensions, their sizes, the bytes."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + numbers


def prepare(data: Path) -> None:
    """What all programs learn from. MNIST's place is taken by optdigits' images, drawn larger."""
    if (data / "text").exists():
        return
    digits, mnist = data / "optdigits", data / "mnist"
    for folder in [digits, mnist]:
        folder.mkdir(parents=True, exist_ok=True)
    for ours, theirs in [("train", "train"), ("test", "t10k")]:
        shutil.copy(HOME / f"data/optdigits/{ours}.csv", digits)
        with open(digits / f"{ours}.csv", newline="") as file:
            rows = [[int(cell) for cell in row] for row in csv.reader(file)]
        pixels, edge = bytearray(), bytes(2 * 28)
        for row in rows:
            pixels += edge
            for y in range(0, 64, 8):
                line = b"".join(bytes([15 * p]) * 3 for p in row[y : y + 8])
                pixels += (bytes(2) + line + bytes(2)) * 3
            pixels += edge
        (mnist / f"{theirs}-images-idx3-ubyte").write_bytes(idx(pixels, len(rows), 28, 28))
        labels = bytes(row[64] for row in rows)
        (mnist / f"{theirs}-labels-idx1-ubyte").write_bytes(idx(labels, len(rows)))
    shutil.copy(HOME / "LICENSE-APACHE", data / "text")
