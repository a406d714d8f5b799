"""Which modules go back together with the optimizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from autowu.torch._copy import Stateful


def check(optimizer: torch.optim.Optimizer, modules: Sequence[Stateful]) -> None:
    """Raises `ValueError` where a restore would leave trained parameters behind."""
    if not modules:
        raise ValueError(
            "modules is empty: a restore puts back what it names, so give modules=[model]; "
            "can_restore=False works without"
        )
    for module in modules:
        if not (hasattr(module, "state_dict") and hasattr(module, "load_state_dict")):
            raise ValueError(
                f"modules has a {type(module).__name__}, which has no state_dict and "
                "load_state_dict: give the model itself"
            )
    if not all(isinstance(module, torch.nn.Module) for module in modules):
        return  # it may hold the parameters under other names
    held = {id(p) for module in modules for p in module.parameters()}  # type: ignore[attr-defined]
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    missing = sum(id(p) not in held for p in trained)
    if missing:
        raise ValueError(
            f"modules hold {len(trained) - missing} of the {len(trained)} parameters that the "
            "optimizer trains: a restore would leave the others behind; give every module"
        )
