"""The scheduler of a PyTorch loop."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional

import torch

import autowu
from autowu.torch import _family, _groups, _modules
from autowu.torch._buffers import GoodBuffers
from autowu.torch._copy import Device, Stateful, WeightCopy
from autowu.torch._loss import Loss, detached
from autowu.torch._mask import Mask
from autowu.torch._waiting import Waiting

logger = logging.getLogger("autowu")

VERSION = 1
SMOOTHED = (
    "the losses look smoothed, or told several times, which makes early false ends: tell the raw "
    "loss of each update (a full batch without noise looks the same and needs nothing)"
)


class AutoWU:
    """Sets the learning rate of a PyTorch optimizer, and puts weights back when it has climbed too
    far.

    `optimizer`: any `torch.optim.Optimizer`. Its learning rates only say the ratios of its groups:
    the largest follows the schedule; one at 0 stays there.

    `total_steps`: optimizer updates of the whole run.

    `modules`: all that has to go back together with the optimizer: the model, and an EMA of it or a
    `GradScaler` if there is one; anything with `state_dict` and `load_state_dict`.

    `copy_to`: where the copy lives; "cpu" keeps it in host memory. Default: where the weights are.
    The copy takes as much memory as the modules' and the optimizer's states: with AdamW three times
    the weights.

    `check`: when a loss that is not finite is noticed. "step": in its own step, which reads one
    number from the device per step. "late": when a test is due or 256 losses wait; until then such
    a batch is kept out of the weights on the device (see the README for what that can do). "auto":
    "step" for losses in host memory, where a read costs nothing, else "late".

    `log`: keep `self.log`, a list of dicts, one per step, thinned past 20,000.

    All other arguments are those of `autowu.AutoWU`. `peak_factor` is that of the optimizer's family
    where it is not given; `family` is `None` for an optimizer that AutoWU does not know.

    Raises `ValueError` for a configuration that breaks a rule.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        total_steps: int,
        *,
        modules: Sequence[Stateful] = (),
        copy_to: Optional[Device] = None,
        check: Literal["auto", "step", "late"] = "auto",
        log: bool = True,
        room: int = 256,
        **options: Any,
    ) -> None:
        if check not in ("auto", "step", "late"):
            raise ValueError(f'check is {check!r}: it must be "auto", "step" or "late"')
        self.family = _family.family(optimizer)
        self.peak_factor = _family.peak_factor(optimizer)
        if options.get("peak_factor") is not None:
            self.peak_factor = options["peak_factor"]
        elif options.get("preset") != "paper":
            options["peak_factor"] = self.peak_factor
        self._run = autowu.AutoWU(total_steps, **options)
        self._optimizer = optimizer
        self._modules = list(modules)
        if self._run.can_restore:
            _modules.check(optimizer, self._modules)
        _groups.check(optimizer)
        self._buffers = GoodBuffers(self._modules)
        self._copy_to = copy_to
        self._copy: Optional[WeightCopy] = None
        self._check = check
        self._mask: Optional[Mask] = None
        self._waiting = Waiting(max(1, room))
        self._room = max(1, room)
        self._window = self._run.window(self._room)
        self._log = autowu.Log() if log else None
        self.last: Optional[autowu.Outcome] = None
        self._probability: Optional[float] = None
        self._smoothed = False  # whether it has been said
        if self.family is None:
            logger.info(
                "%s is of no family that AutoWU knows: the peak's factor is 1",
                type(optimizer).__name__,
            )
        self._set_lr()

    # The loop.

    def step(self, loss: Loss) -> bool:
        """Takes the loss of this step, before its update. Whether to make the update: `False` means
        that the weights were put back, or that the batch is skipped.

        The loss is a float32 or float64 tensor with one element, or a number; with gradient
        accumulation the mean of the parts, once per update; with several ranks the mean over them
        (`mean_over_ranks`).
        """
        loss = detached(loss)
        self._set_lr()
        at_once = self._check == "step" or (self._check == "auto" and loss.device.type == "cpu")
        is_finite = not at_once or bool(torch.isfinite(loss))
        self._waiting.push(loss)
        if not is_finite or len(self._waiting) >= self._window:
            return self._read()
        if not at_once:
            if self._mask is None:
                self._mask = Mask(self._optimizer)
            self._mask.watch(loss)
        return True

    def mask_now(self) -> None:
        """For a trainer that calls `step` inside of `optimizer.step(closure)`: keeps this batch out
        of the update if its loss is not finite and has not been read."""
        if self._mask is not None:
            self._mask.apply(self._optimizer)

    def skip(self) -> None:
        """No update happened in this step, and its loss is not told."""
        self._run.skip()

    def flush(self) -> bool:
        """Reads the losses that still wait: at the end of a run, so that a last NaN is not missed.
        Whether the weights are those of the last update."""
        return self._read() if len(self._waiting) else True

    def extend(self, total_steps: int) -> None:
        """Gives the run `total_steps` steps in all. Raises `ValueError` for fewer than it has."""
        self._run.extend(total_steps)
        self._window = self._run.window(self._room)
        self._set_lr()

    # What can be read.

    @property
    def lr(self) -> float:
        """The learning rate of the next step, of the group with the largest."""
        return self._run.lr_ahead(len(self._waiting))

    def get_last_lr(self) -> list[float]:
        """The present learning rate of each group."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    @property
    def steps(self) -> int:
        """Steps done."""
        return self._run.steps + len(self._waiting)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self._run.total_steps

    @property
    def phase(self) -> str:
        """"warmup" or "decay"."""
        return self._run.phase

    @property
    def log(self) -> list[dict[str, Any]]:
        """One dict per step that was read: step, lr, loss, phase; probability where a test was
        made, event and message where there was one."""
        return [] if self._log is None else self._log.rows

    def metrics(self) -> dict[str, float]:
        """For a logger: learning rate, phase (0 warmup, 1 decay), probability of the last test."""
        metrics = {"autowu/lr": self.get_last_lr()[0], "autowu/phase": float(self.phase == "decay")}
        if self._probability is not None and self.phase == "warmup":
            metrics["autowu/probability"] = self._probability
        return metrics

    def plot(self, path: str) -> None:
        """Draws loss and learning rate; needs matplotlib."""
        if self._log is None:
            raise ValueError("log=False keeps nothing to draw: leave it out")
        self._log.plot(path)

    def digest(self) -> int:
        """64 bits that differ when two schedulers differ. Losses that wait do not count."""
        return self._run.digest()

    # Checkpoints.

    def state_dict(self) -> dict[str, Any]:
        """Scheduler and copy. Not the present weights: save those of the model and the optimizer
        beside it. The tensors are those of the copy; nobody writes to them."""
        return {
            "version": VERSION,
            "run": self._run.state_dict(),
            "waiting": self._waiting.values(),
            "copy": None if self._copy is None else self._copy.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """What `state_dict` saved, configuration included.

        Raises `ValueError` for a state that does not fit; nothing changes.
        """
        try:
            version, saved = state_dict["version"], state_dict["run"]
            waiting, kept = state_dict["waiting"], state_dict["copy"]
            values = [float(loss) for loss in waiting]
        except (KeyError, TypeError, ValueError) as why:
            raise ValueError(f"the saved scheduler is damaged: {why!r}") from None
        if version != VERSION:
            raise ValueError(
                f"the saved scheduler has version {version}, this package reads {VERSION}"
            )
        run = autowu.AutoWU(1)
        run.load_state_dict(saved)
        window = run.window(self._room)
        if not isinstance(waiting, list) or len(values) >= window:
            raise ValueError(
                f"{len(values)} losses wait in the saved scheduler, fewer than {window} can: it is "
                "damaged, or was saved with a larger room"
            )
        copy = None
        if run.may_restore and kept is None:
            raise ValueError(
                "the saved scheduler may ask for a copy, and its state has none: save and load all "
                "that state_dict returns"
            )
        if kept is not None:
            copy = WeightCopy.loaded(kept, self._modules, self._optimizer, self._copy_to)
        self._run, self._window, self._copy = run, window, copy
        self._waiting.refill(values)
        self._set_lr()

    # What a read leads to.

    def _set_lr(self) -> None:
        _groups.set_lr(self._optimizer, self.lr)

    def _read(self) -> bool:
        """Tells the scheduler all losses that wait, and follows its event."""
        values = self._waiting.values()
        before, phase = self._run.steps, self._run.phase
        rates = [self._run.lr_ahead(i) for i in range(len(values))] if self._log else []
        outcome = self._run.step_all(values)
        self._waiting.clear()
        self._window = self._run.window(self._room)
        self.last = outcome
        if outcome.probability is not None:
            self._probability = outcome.probability
            if not self._smoothed and self._run.looks_smoothed:
                self._smoothed = True
                logger.warning("%s", SMOOTHED)
        if self._log is not None:
            last = len(values) - 1
            for i, (lr, loss) in enumerate(zip(rates, values)):
                self._log.add(before + i, lr, loss, phase, outcome if i == last else None)
        if not all(map(math.isfinite, values)):
            self._buffers.mend()
        was_restored = self._follow(outcome)
        return not was_restored and math.isfinite(values[-1])

    def _follow(self, outcome: autowu.Outcome) -> bool:
        """Whether weights were put back."""
        event = outcome.event
        if event is not None:
            level = {"snapshot": logging.DEBUG, "diverged": logging.WARNING}
            logger.log(level.get(event, logging.INFO), "%s", outcome.message)
        if event == "snapshot":
            self._copy = None  # its memory first
            self._copy = WeightCopy.taken(self._modules, self._optimizer, self._copy_to)
            self._buffers.keep()
        elif event == "restore":
            if self._copy is None:
                raise RuntimeError(
                    "the scheduler asks for a copy that it does not have: load_state_dict was given "
                    "a state without its copy"
                )
            self._copy.put_back(self._modules, self._optimizer)
            self._set_lr()
        if outcome.frees_copy:
            self._copy = None
        return event == "restore"
