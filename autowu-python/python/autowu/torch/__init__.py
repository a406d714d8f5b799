"""AutoWU for a PyTorch loop.

    from autowu.torch import AutoWU
    sched = AutoWU(optimizer, total_steps=1000, modules=[model])
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        if sched.step(loss):
            optimizer.step()

In reading order: `_scheduler` is the loop's side; `_loss` says which losses are taken, `_waiting`
holds those that are not read yet; `_modules` says what goes back, `_copy` copies it out and back;
`_groups` sets learning rates; `_mask` keeps a batch whose loss is not finite out of the weights,
`_buffers` out of running statistics; `_family` knows optimizers; `ranks` is for several processes.
"""

from autowu.torch._scheduler import AutoWU
from autowu.torch.ranks import check_ranks, mean_over_ranks

__all__ = ["AutoWU", "check_ranks", "mean_over_ranks"]
