"""AutoWU as a Lightning callback.

    from autowu.lightning import AutoWU
    trainer = lightning.Trainer(max_epochs=10, callbacks=[AutoWU()])
    trainer.fit(model, loader)

`configure_optimizers` returns one optimizer and no scheduler; its learning rate is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch

from autowu.torch import AutoWU as TorchAutoWU
from autowu.torch import mean_over_ranks
from autowu.torch._copy import Stateful

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    from pytorch_lightning.callbacks import Callback  # type: ignore[no-redef]


class AutoWU(Callback):
    """Sets the learning rate, puts weights back, and is saved with Lightning's checkpoints.

    `total_steps`: optimizer updates of the whole run; Lightning's own estimate if left out.
    `modules`: what goes back besides the module itself. The options are those of
    `autowu.torch.AutoWU`.

    Losses are averaged over the ranks and over accumulated batches. Learning rate, phase and the
    probability of the last test go to the trainer's loggers every `log_every_n_steps`.

    It cannot do manual optimization, several optimizers, DeepSpeed and FSDP; an `ema` that another
    callback keeps goes back only if it is in `modules`. A step whose weights were put back counts
    in `global_step`.
    """

    def __init__(
        self,
        total_steps: Optional[int] = None,
        *,
        modules: Sequence[Stateful] = (),
        **options: Any,
    ) -> None:
        self.sched: Optional[TorchAutoWU] = None
        self._total_steps = total_steps
        self._modules = list(modules)
        self._options = options
        self._loaded: Optional[dict[str, Any]] = None
        self._loss: Optional[torch.Tensor] = None
        self._parts = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if not pl_module.automatic_optimization:
            raise ValueError(
                "AutoWU follows automatic optimization: in a manual loop use autowu.torch.AutoWU"
            )
        if len(trainer.optimizers) != 1 or trainer.lr_scheduler_configs:
            raise ValueError(
                f"there are {len(trainer.optimizers)} optimizers and "
                f"{len(trainer.lr_scheduler_configs)} schedulers: configure_optimizers must return "
                "one optimizer and no scheduler, because AutoWU sets its learning rate"
            )
        total_steps = self._total_steps
        if total_steps is None:
            estimate = trainer.estimated_stepping_batches
            if estimate == float("inf"):
                raise ValueError("the trainer has no end: give AutoWU(total_steps=...)")
            total_steps = int(estimate)
        self.sched = TorchAutoWU(
            trainer.optimizers[0],
            total_steps,
            modules=[pl_module, *self._modules],
            **self._options,
        )
        if self._loaded is not None:
            self.sched.load_state_dict(self._loaded)
            self._loaded = None

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: torch.Tensor) -> None:
        # Lightning has divided it by the number of batches that accumulate.
        part = loss.detach()
        self._loss = part if self._loss is None else self._loss + part
        self._parts += 1

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        loss, parts = self._loss, self._parts
        self._loss, self._parts = None, 0
        if self.sched is None or loss is None:
            return
        loss = mean_over_ranks(loss * (trainer.accumulate_grad_batches / parts))
        if not self.sched.step(loss):
            # Parameters without a gradient are not updated, not even by weight decay.
            optimizer.zero_grad(set_to_none=True)
        else:
            self.sched.mask_now()

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.sched is None or trainer.global_step % trainer.log_every_n_steps != 0:
            return
        for logger in trainer.loggers:
            logger.log_metrics(self.sched.metrics(), step=trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self.sched is not None:
            self.sched.flush()

    def state_dict(self) -> dict[str, Any]:
        return {} if self.sched is None else self.sched.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loaded = state_dict or None
