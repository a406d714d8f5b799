"""Running statistics that a poisoned batch has written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch


def _buffers(modules: Sequence[Any]) -> Iterator[tuple[tuple[int, str], torch.Tensor]]:
    for i, module in enumerate(modules):
        if isinstance(module, torch.nn.Module):
            for name, buffer in module.named_buffers():
                if buffer.is_floating_point():
                    yield (i, name), buffer


class GoodBuffers:
    """The buffers of the modules as they last were known to be good.

    The forward pass of a batch with a NaN writes it into a normalisation's running statistics, and
    there it stays: training does not look at them, evaluation does. A skipped update does not
    help.
    """

    def __init__(self, modules: Sequence[Any]) -> None:
        self._modules = modules
        self._good: dict[tuple[int, str], torch.Tensor] = {}
        self.keep()

    def keep(self) -> None:
        """The present ones are good."""
        self._good = {key: buffer.detach().clone() for key, buffer in _buffers(self._modules)}

    def mend(self) -> None:
        """Entries that are not finite become those that were kept. Reads nothing."""
        with torch.no_grad():
            for key, buffer in _buffers(self._modules):
                good = self._good.get(key)
                if good is not None and good.shape == buffer.shape:
                    good = good.to(buffer.device)
                    buffer.copy_(torch.where(torch.isfinite(buffer), buffer, good))
