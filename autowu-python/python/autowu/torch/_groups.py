"""Learning rates of parameter groups."""

from __future__ import annotations

import math
from typing import Any

import torch


def lr_of(group: dict[str, Any]) -> float:
    """The group's learning rate when it was made."""
    return float(group.setdefault("initial_lr", float(group["lr"])))


def check(optimizer: torch.optim.Optimizer) -> None:
    """Notes each group's learning rate, under the name that PyTorch's own schedulers use.

    Raises `ValueError` where no group has a learning rate above 0.
    """
    rates = [lr_of(group) for group in optimizer.param_groups]
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates) or not max(rates) > 0:
        raise ValueError(
            f"the groups' learning rates are {rates}: they must be finite and at least one above "
            "0; the largest follows the schedule, the others keep their ratio to it"
        )


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """`lr · lr_i/max_j lr_j` for group i: the ratios stay, and a group at 0 stays at 0."""
    groups = optimizer.param_groups
    largest = max(lr_of(group) for group in groups)
    for group in groups:
        value = lr * (lr_of(group) / largest)
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value
