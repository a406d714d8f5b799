"""Optimizer families: what the class says about the largest good learning rate."""

from __future__ import annotations

from typing import Optional

import torch

# By the names of classes, lower case: subclasses and other packages' versions count too.
FAMILIES = {
    "adam": ("adam", "adamw", "nadam", "radam", "adamax", "adafactor", "adamw8bit"),
    "sgd": ("sgd",),
    "lamb": ("lamb", "lars"),
    "sign": ("lion", "signsgd"),
    "rms": ("rmsprop", "adagrad", "adadelta", "rprop"),
    "orthogonal": ("muon", "shampoo", "soap"),
}

def family(optimizer: object) -> Optional[str]:
    """The family of the optimizer's class or of one that it derives from; `None`: unknown."""
    for kind in type(optimizer).__mro__:
        for name, classes in FAMILIES.items():
            if kind.__name__.lower() in classes:
                return name
    return None


def peak_factor(optimizer: torch.optim.Optimizer) -> float:
    """How many times the learning rate of the minimum the decay starts from, by the study that
    measured it (docs/study): 2 for SGD without momentum, ½ for LAMB; else, and where the family is
    unknown, 1."""
    name = family(optimizer)
    if name == "sgd":
        has_momentum = any(group.get("momentum", 0) > 0 for group in optimizer.param_groups)
        return 1.0 if has_momentum else 2.0
    return 0.5 if name == "lamb" else 1.0
