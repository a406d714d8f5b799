"""Which losses are taken."""

from __future__ import annotations

from typing import SupportsFloat, Union

import torch

Loss = Union[torch.Tensor, SupportsFloat]


def detached(loss: Loss) -> torch.Tensor:
    """The loss as a detached tensor without dimensions, where it is. Nothing is read.

    Raises `ValueError` for more than one number, or one in less than single precision.
    """
    if not isinstance(loss, torch.Tensor):
        if not (hasattr(loss, "__float__") or hasattr(loss, "__index__")):
            raise TypeError(f"the loss is {loss!r}: it must be a tensor or a number")
        return torch.tensor(float(loss), dtype=torch.float64)
    if loss.numel() != 1:
        raise ValueError(
            f"the loss has shape {tuple(loss.shape)}: it must be one number; reduce it with .mean()"
        )
    if loss.dtype not in (torch.float32, torch.float64):
        kind = str(loss.dtype).replace("torch.", "")
        raise ValueError(
            f"the loss is {kind}: it must be float32 or float64, because its last digits are what "
            "a test looks at; compute it on output.float(), as autocast does by itself (float() "
            "afterwards does not bring the digits back)"
        )
    return loss.detach().reshape(())
