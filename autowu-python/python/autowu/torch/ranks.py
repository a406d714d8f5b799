"""Several processes: each has its own scheduler, and all are told the same loss."""

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.distributed as dist


class Digested(Protocol):
    """A scheduler of this package."""

    def digest(self) -> int: ...


def mean_over_ranks(loss: torch.Tensor, group: Any = None) -> torch.Tensor:
    """The mean of all ranks' losses, detached: one all-reduce of one number.

    Call it once per update, on every rank, and give the result to `step`: then all schedulers
    decide the same. Without a process group it is the loss itself.
    """
    loss = loss.detach()
    if not (dist.is_available() and dist.is_initialized()):
        return loss
    total = loss.clone()
    dist.all_reduce(total, group=group)
    return total / dist.get_world_size(group)


def check_ranks(scheduler: Digested, group: Any = None) -> None:
    """Compares the digests of all ranks' schedulers. One all-gather: for every hundredth step, say.

    Raises `RuntimeError` on every rank if they differ: some were told other losses.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    # Two halves, because NCCL and gloo carry signed numbers.
    digest = scheduler.digest()
    backend = dist.get_backend(group)
    device = "cuda" if backend == "nccl" else "cpu"
    own = torch.tensor([digest >> 32, digest & 0xFFFF_FFFF], dtype=torch.int64, device=device)
    all_ranks = [torch.empty_like(own) for _ in range(dist.get_world_size(group))]
    dist.all_gather(all_ranks, own, group=group)
    digests = [int(high) << 32 | int(low) for high, low in (pair.tolist() for pair in all_ranks)]
    odd = [rank for rank, other in enumerate(digests) if other != digests[0]]
    if odd:
        raise RuntimeError(
            f"the schedulers of ranks {odd} differ from that of rank 0: they were told other "
            "losses; give step the result of mean_over_ranks(loss) on every rank"
        )
