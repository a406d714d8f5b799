"""Real tasks: data, network, loss and metric. Nothing is downloaded."""

import csv
import gzip
import pathlib
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch import nn

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Task:
    """`network` makes one from the present seed; `metric` is a share of right answers or, where
    `is_loss`, a loss."""

    name: str
    network: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Batch], torch.Tensor]
    train: Batch
    test: Batch
    batch: int
    steps: int
    is_loss: bool = False

    def batches(self, steps: int, seed: int):
        """Shuffled epochs."""
        x, y = self.train
        generator = torch.Generator().manual_seed(seed)
        order = torch.empty(0, dtype=torch.long)
        for _ in range(steps):
            if len(order) < self.batch:
                order = torch.randperm(len(x), generator=generator)
            now, order = order[: self.batch], order[self.batch :]
            yield x[now], y[now]

    def metric(self, network: nn.Module) -> float:
        """On the test set."""
        network.eval()
        with torch.no_grad():
            if self.is_loss:
                return self.loss(network, self.test).item()
            x, y = self.test
            right = sum(
                (network(a).argmax(-1) == b).sum().item()
                for a, b in zip(x.split(500), y.split(500))
            )
        return right / y.numel()

    def train_loss(self, network: nn.Module) -> float:
        """On 2,000 training examples."""
        network.eval()
        with torch.no_grad():
            return self.loss(network, (self.train[0][:2000], self.train[1][:2000])).item()


def classified(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy of the last axis."""
    logits = network(batch[0])
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[1].reshape(-1))


def rebuilt(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean squared error of an autoencoder."""
    return F.mse_loss(network(batch[0]), batch[0])


def convolutions(norm: bool) -> nn.Module:
    """Three 3×3 convolutions, with batch normalisation or without."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8))]
    for inputs, outputs in [(1, 16), (16, 32), (32, 32)]:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1)]
        layers += [nn.BatchNorm2d(outputs)] if norm else []
        layers += [nn.ReLU()]
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32 * 16, 10))


def perceptron(*widths: int) -> nn.Module:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Characters(nn.Module):
    """Two pre-norm transformer blocks of width 64 on 64 characters."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(letters, 64), nn.Parameter(torch.zeros(64, 64))
        block = nn.TransformerEncoderLayer(
            64, 4, 256, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
        )
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, letters))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.blocks(self.embed(x) + self.place, self.mask, is_causal=True))


def optdigits(folder: pathlib.Path) -> tuple[Batch, Batch]:
    """Pixels in [0, 1] and classes."""
    sets = []
    for name in ("train.csv", "test.csv"):
        rows = [[int(cell) for cell in row] for row in csv.reader((folder / name).open())]
        table = torch.tensor(rows)
        sets.append((table[:, :-1].float() / 16, table[:, -1]))
    return sets[0], sets[1]


def mnist(folder: pathlib.Path) -> tuple[Batch, Batch]:
    """The first 20,000 images, 5,000 to test."""
    sets = []
    for name, count in (("train", 20_000), ("t10k", 5_000)):
        images = gzip.open(folder / f"{name}-images-idx3-ubyte.gz").read()[16:]
        labels = gzip.open(folder / f"{name}-labels-idx1-ubyte.gz").read()[8:]
        x = torch.frombuffer(bytearray(images), dtype=torch.uint8).reshape(-1, 784)[:count]
        y = torch.frombuffer(bytearray(labels), dtype=torch.uint8)[:count]
        sets.append((x.float() / 255, y.long()))
    return sets[0], sets[1]


def novel(file: pathlib.Path) -> tuple[Batch, Batch, int]:
    """Pieces of 65 characters: inputs, their successors; every tenth piece is the test."""
    text = file.read_text()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    codes = torch.tensor([number[letter] for letter in text])
    pieces = codes[: len(codes) // 65 * 65].reshape(-1, 65)
    x, y = pieces[:, :-1], pieces[:, 1:]
    is_test = torch.arange(len(pieces)) % 10 == 0
    return (x[~is_test], y[~is_test]), (x[is_test][:200], y[is_test][:200]), len(letters)


def tasks(data: pathlib.Path, quick: bool) -> list[Task]:
    """Those whose data are there; `quick`: the cheap ones, short."""
    train, test = optdigits(data / "optdigits")
    wrong = train[1].clone()
    wrong[::5] = (wrong[::5] + 1 + torch.arange(len(wrong[::5])) % 9) % 10
    deep = [64] * 8 + [10]
    found = [
        Task("digits-norm", lambda: convolutions(True), classified, train, test, 64, 1000),
        Task("digits-plain", lambda: convolutions(False), classified, train, test, 64, 1000),
        Task("digits-deep", lambda: perceptron(*deep), classified, train, test, 64, 1500),
        Task("digits-autoencoder", lambda: perceptron(64, 64, 8, 64, 64), rebuilt, train, test,
             64, 2000, True),
        Task("digits-wrong-labels", lambda: perceptron(64, 128, 128, 10), classified,
             (train[0], wrong), test, 64, 1500),
    ]
    if quick:
        return [Task(**{**vars(task), "steps": 300}) for task in (found[2], found[4])]
    if (data / "mnist").is_dir():
        images = mnist(data / "mnist")
        found.append(Task("mnist-mlp", lambda: perceptron(784, 128, 10), classified, *images,
                          64, 1200))
    if (data / "text" / "emma.txt").is_file():
        pieces, held_out, letters = novel(data / "text" / "emma.txt")
        found.append(Task("chars-transformer", lambda: Characters(letters), classified, pieces,
                          held_out, 32, 1000, True))
    return found
