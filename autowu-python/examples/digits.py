"""Trains a small network on the handwritten digits of this repository: `python digits.py`."""

import logging
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from autowu.torch import AutoWU

logging.basicConfig(level=logging.INFO, format="%(message)s")  # one sentence per event
data = Path(__file__).parents[2] / "data" / "optdigits"


def digits(name):
    rows = [list(map(int, row.split(","))) for row in (data / name).open()]
    table = torch.tensor(rows)
    return table[:, :-1] / 16, table[:, -1]


(x, y), (test_x, test_y) = digits("train.csv"), digits("test.csv")
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.AdamW(model.parameters())
sched = AutoWU(optimizer, total_steps=1000, modules=[model])
for _ in range(1000):
    batch = torch.randint(len(x), (64,))
    loss = cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    if sched.step(loss):
        optimizer.step()
sched.plot("run.svg")
print(f"test accuracy {(model(test_x).argmax(1) == test_y).float().mean():.4f}")
