"""Copies of weights and of optimizer states: deep, out and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Protocol, Union

import torch

Device = Union[str, torch.device]


class Stateful(Protocol):
    """A module, an EMA, a GradScaler, …"""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


def copied(value: Any, device: Optional[Device] = None) -> Any:
    """The value with every tensor in new memory, on `device` if there is one. Tensors that share
    their memory (tied weights) share it in the copy."""
    return _copied(value, device, {})


def _copied(value: Any, device: Optional[Device], known: dict[Any, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return _tensor(value.detach(), device, known)
    if isinstance(value, Mapping):
        pairs = {key: _copied(part, device, known) for key, part in value.items()}
        if type(value) is dict:
            return pairs
        # A module's OrderedDict carries the versions of its layers.
        twin = copy.copy(value)
        twin.clear()
        twin.update(pairs)
        return twin
    if type(value) in (list, tuple):
        return type(value)(_copied(part, device, known) for part in value)
    return copy.deepcopy(value)


def _tensor(
    value: torch.Tensor, device: Optional[Device], known: dict[Any, torch.Tensor]
) -> torch.Tensor:
    plain = type(value) is torch.Tensor and value.layout is torch.strided
    if not plain or value.numel() == 0:
        return value.clone() if device is None else value.to(device, copy=True)
    where = (value.device, value.dtype, value.data_ptr(), value.shape, value.stride())
    if where not in known:
        known[where] = value.clone() if device is None else value.to(device, copy=True)
    return known[where]


class WeightCopy:
    """The states of all modules and of the optimizer at one step. Nobody writes to it, so a saved
    run can share its tensors."""

    def __init__(self, modules: list[Any], optimizer: Any) -> None:
        self.modules = modules
        self.optimizer = optimizer

    @classmethod
    def taken(
        cls, modules: Sequence[Stateful], optimizer: Stateful, device: Optional[Device]
    ) -> WeightCopy:
        """Of the present weights."""
        return cls(
            [copied(module.state_dict(), device) for module in modules],
            copied(optimizer.state_dict(), device),
        )

    def put_back(self, modules: Sequence[Stateful], optimizer: Stateful) -> None:
        """Into the modules and the optimizer.

        `Module.load_state_dict` copies into the parameters. `Optimizer.load_state_dict` keeps the
        tensors that it is given and trains on them, and so may others: they get a copy of the copy.
        """
        for module, state in zip(modules, self.modules):
            is_module = isinstance(module, torch.nn.Module)
            module.load_state_dict(state if is_module else copied(state))
        if type(optimizer).load_state_dict is torch.optim.Optimizer.load_state_dict:
            optimizer.state.clear()  # type: ignore[attr-defined]  # no two states at a time
        optimizer.load_state_dict(copied(self.optimizer))

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: the copy's own tensors, which nobody writes to."""
        return {"modules": self.modules, "optimizer": self.optimizer}

    @classmethod
    def loaded(
        cls,
        state: Mapping[str, Any],
        modules: Sequence[Stateful],
        optimizer: Stateful,
        device: Optional[Device],
    ) -> WeightCopy:
        """A saved copy, checked against what it would be put into.

        Raises `ValueError` where they do not fit.
        """
        try:
            saved, kept = list(state["modules"]), state["optimizer"]
            groups = [len(group["params"]) for group in kept["param_groups"]]
        except (KeyError, TypeError) as why:
            raise ValueError(f"the saved copy is damaged: {why!r}") from None
        if len(saved) != len(modules):
            raise ValueError(
                f"the saved copy is of {len(saved)} modules, this scheduler has {len(modules)}: "
                "give the same modules=[...] in the same order"
            )
        for module, part in zip(modules, saved):
            if isinstance(module, torch.nn.Module):
                _fits(module.state_dict(), part)
        present = [len(group["params"]) for group in optimizer.state_dict()["param_groups"]]
        if groups != present:
            raise ValueError(
                f"the saved copy has parameter groups of {groups} parameters, the optimizer has "
                f"{present}: build the optimizer as in the run that was saved"
            )
        return cls([copied(part, device) for part in saved], copied(kept, device))


def _fits(present: Mapping[str, Any], saved: Any) -> None:
    if not isinstance(saved, Mapping) or set(saved) != set(present):
        names = set(saved) if isinstance(saved, Mapping) else set()
        odd = sorted(names ^ set(present))[:3]
        raise ValueError(f"the saved copy is of another model: {', '.join(odd)} differ")
    for name, value in present.items():
        if isinstance(value, torch.Tensor):
            shape = getattr(saved[name], "shape", None)
            if shape != value.shape:
                raise ValueError(
                    f"the saved copy is of another model: {name} has shape {shape}, here it is "
                    f"{tuple(value.shape)}"
                )
