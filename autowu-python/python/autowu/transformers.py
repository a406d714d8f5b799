"""AutoWU in Hugging Face's `Trainer`.

    from autowu.transformers import Trainer
    trainer = Trainer(model, args, train_dataset=data, autowu={"seed": 1})
    trainer.train()

`AutoWUMixin` does the same for your own subclass: `class Mine(AutoWUMixin, MyTrainer)`.
"""

from __future__ import annotations

from typing import Any, Optional

import torch
import transformers

from autowu.torch import AutoWU, mean_over_ranks


class _BeforeUpdate(transformers.TrainerCallback):
    """Tells the loss between the backward pass and the update. No callback is given the loss, so the
    mixin collects it."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer._tell_autowu()


class _Scheduler:
    """What the trainer takes for its scheduler: it saves it, loads it and asks for the learning
    rate; `step` comes too late to do anything."""

    def __init__(self, sched: AutoWU) -> None:
        self.sched = sched

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the learning rate has been set before the update."""

    def get_last_lr(self) -> list[float]:
        return self.sched.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        return self.sched.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.sched.load_state_dict(state_dict)


class AutoWUMixin:
    """In front of a `Trainer` class. Keyword `autowu`: options of `autowu.torch.AutoWU`.

    The schedule's arguments (`learning_rate`, `lr_scheduler_type`, `warmup_steps`) are not used.
    Checkpoints hold the scheduler and its copy. Logs get `autowu/phase` and `autowu/probability`
    beside the trainer's own `learning_rate`.

    It cannot do DeepSpeed and FSDP, nor fp16 with `max_grad_norm=0` (the scaler then asks for
    gradients that a skipped update does not have; bf16 is fine). `Trainer` itself reads every loss
    unless `logging_nan_inf_filter=False`. A step whose weights were put back counts in
    `global_step`.
    """

    def __init__(self, *args: Any, autowu: Optional[dict[str, Any]] = None, **kwargs: Any) -> None:
        self._autowu_options = dict(autowu or {})
        self._autowu_loss: Optional[torch.Tensor] = None
        super().__init__(*args, **kwargs)
        self.add_callback(_BeforeUpdate(self))  # type: ignore[attr-defined]

    @property
    def sched(self) -> AutoWU:
        """The scheduler, from the start of `train` on."""
        return self.lr_scheduler.sched  # type: ignore[attr-defined]

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        self.lr_scheduler = _Scheduler(
            AutoWU(
                self.optimizer if optimizer is None else optimizer,  # type: ignore[attr-defined]
                num_training_steps,
                modules=[self.model],  # type: ignore[attr-defined]
                **self._autowu_options,
            )
        )
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        # The trainer has scaled it so that the parts of an update add up to their mean.
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        part = loss.detach()
        self._autowu_loss = part if self._autowu_loss is None else self._autowu_loss + part
        return loss

    def _tell_autowu(self) -> None:
        loss, self._autowu_loss = self._autowu_loss, None
        if loss is not None and not self.sched.step(mean_over_ranks(loss)):
            # Parameters without a gradient are not updated, not even by weight decay.
            self.optimizer.zero_grad(set_to_none=True)  # type: ignore[attr-defined]

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs:
            logs = {**logs, **self.sched.metrics()}
            logs.pop("autowu/lr")
        super().log(logs, *args, **kwargs)  # type: ignore[misc]


class Trainer(AutoWUMixin, transformers.Trainer):
    """`transformers.Trainer` with AutoWU as its schedule."""
