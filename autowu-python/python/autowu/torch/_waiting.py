"""Losses that wait on their device until a test is due."""

from __future__ import annotations

from typing import Optional

import torch


class Waiting:
    """At most `room` losses. One small copy on the device per loss; `values` is the only read."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._read: list[float] = []
        self._buffer: Optional[torch.Tensor] = None
        self._count = 0

    def __len__(self) -> int:
        return len(self._read) + self._count

    def push(self, loss: torch.Tensor) -> None:
        """Copies the loss: the caller may write over its tensor, as CUDA graphs do."""
        buffer = self._buffer
        if buffer is None or buffer.dtype != loss.dtype or buffer.device != loss.device:
            self._read = self.values()
            self._count = 0
            buffer = torch.empty(self._room, dtype=loss.dtype, device=loss.device)
            self._buffer = buffer
        buffer[self._count].copy_(loss)
        self._count += 1

    def values(self) -> list[float]:
        """All that wait, in order. Waits for the device."""
        if self._buffer is None or self._count == 0:
            return list(self._read)
        return self._read + self._buffer[: self._count].tolist()

    def refill(self, values: list[float]) -> None:
        """Those of a saved run, in place of what waits."""
        self._read, self._count = list(values), 0

    def clear(self) -> None:
        """All have been told."""
        self.refill([])
