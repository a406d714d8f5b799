"""Keeps a batch whose loss is not finite out of the weights, without reading the loss."""

from __future__ import annotations

from typing import Any, Optional

import torch


class Mask:
    """Two hooks on `optimizer.step`, used where losses are read late.

    An optimizer with `fused=True` takes a `found_inf` on the device, as `GradScaler` uses it, and
    makes no update at all. For others the gradients become 0: the batch adds nothing, but momentum
    and weight decay go on.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._bad: Optional[torch.Tensor] = None
        self._before: Optional[torch.Tensor] = None
        self._hooks = [
            optimizer.register_step_pre_hook(self._mask),
            optimizer.register_step_post_hook(self._unmask),
        ]

    def watch(self, loss: torch.Tensor) -> None:
        """The next update is of this loss."""
        self._bad = torch.isfinite(loss).logical_not_()

    def remove(self) -> None:
        """Takes the hooks off."""
        for hook in self._hooks:
            hook.remove()

    def _mask(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.apply(optimizer)

    def apply(self, optimizer: Any) -> None:
        """Masks the update of the loss that is watched."""
        bad = self._bad
        if bad is None:
            return
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            self._before = getattr(optimizer, "found_inf", None)
            found = bad.to(torch.float32)
            if self._before is not None:  # a GradScaler's
                found = torch.maximum(found.to(self._before.device), self._before)
            optimizer.found_inf = found
            return
        there: dict[torch.device, torch.Tensor] = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    grad = parameter.grad
                    grad = grad._values() if grad.is_sparse else grad
                    if grad.device not in there:
                        there[grad.device] = bad.to(grad.device, non_blocking=True)
                    grad.masked_fill_(there[grad.device], 0)

    def _unmask(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._bad is not None and hasattr(optimizer, "found_inf"):
            if self._before is None:
                del optimizer.found_inf
            else:
                optimizer.found_inf = self._before
        self._bad = self._before = None
