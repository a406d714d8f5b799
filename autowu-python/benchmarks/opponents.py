"""The schedules and optimizers that are compared, each with its authors' recommended settings."""

import math
from typing import Any, Callable, Optional

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from autowu.torch import AutoWU

# Six, factors of 3.
PEAKS = {
    "adamw": [1e-4 * 3**i for i in range(6)],
    "sgdm": [3e-3 * 3**i for i in range(6)],
}
# What people write without tuning.
HABIT = {"adamw": 1e-3, "sgdm": 0.1}
WEIGHT_DECAY = {"adamw": 0.01, "sgdm": 0.0}


def plain(family: str, network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """AdamW or SGD with momentum 0.9."""
    if family == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=WEIGHT_DECAY[family])
    return torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)


class Opponent:
    """One way to train: an update per loss, after its backward pass."""

    def __init__(self, optimizer: Any, schedule: Optional[Any] = None) -> None:
        self.optimizer, self.schedule = optimizer, schedule

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        """`again` computes this batch's loss anew."""
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()

    def before_test(self, forward: Callable[[], None]) -> None:
        """Puts in place the weights that are to be judged. `forward` shows the network some
        training batches."""

    def memory(self) -> int:
        """Bytes of optimizer state and copies."""
        return held(self.optimizer.state)


def held(value: Any) -> int:
    """Bytes of all tensors inside."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(held, value.values()))
    return sum(map(held, value)) if isinstance(value, (list, tuple)) else 0


class Auto(Opponent):
    """This package."""

    def __init__(self, optimizer: Any, network: nn.Module, steps: int, **options: Any) -> None:
        super().__init__(optimizer)
        self.sched = AutoWU(optimizer, steps, modules=[network], **options)
        self.most = 0

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        if self.sched.step(loss):
            self.optimizer.step()
        copy = self.sched._copy
        now = 0 if copy is None else held(copy.modules) + held(copy.optimizer)
        self.most = max(self.most, now)

    def memory(self) -> int:
        return super().memory() + self.most


def warmed_up(optimizer: Any, steps: int, shape: str) -> LambdaLR:
    """Five per cent of linear warmup, then cosine or linear to 0."""
    warmup = max(1, steps // 20)

    def part(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        u = (step - warmup) / max(1, steps - warmup)
        return (1 + math.cos(math.pi * u)) / 2 if shape == "cosine" else 1 - u

    return LambdaLR(optimizer, part)


class ScheduleFree(Opponent):
    """schedulefree 1.4.1; running statistics of normalisations are made anew before a test, as its
    README asks."""

    def __init__(self, optimizer: Any, network: nn.Module) -> None:
        super().__init__(optimizer)
        self.network = network
        optimizer.train()

    def before_test(self, forward: Callable[[], None]) -> None:
        self.network.train()
        self.optimizer.eval()
        forward()


class WithLoss(Opponent):
    """MoMo is told the loss."""

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        self.optimizer.step(loss=loss.detach())


class OnLoss(Opponent):
    """A schedule that looks at the mean loss of every `every` steps."""

    def __init__(self, optimizer: Any, schedule: Any, every: int) -> None:
        super().__init__(optimizer, schedule)
        self.every, self.losses = every, []

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        self.optimizer.step()
        self.losses.append(loss.item())
        if len(self.losses) == self.every:
            self.schedule.step(sum(self.losses) / self.every)
            self.losses = []


class LineSearch(Opponent):
    """SALSA evaluates the batch again for its line search, in evaluation mode."""

    def __init__(self, optimizer: Any, network: nn.Module) -> None:
        super().__init__(optimizer)
        self.network = network

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        def closure(eval_mode: bool = True) -> torch.Tensor:
            if eval_mode:
                self.network.eval()
            with torch.no_grad():
                return again()

        self.optimizer.step(closure)
        self.network.train()

    def memory(self) -> int:
        return sum(held(v) for v in self.optimizer.state.values() if isinstance(v, dict))


class Averaged(Opponent):
    """DoG with its polynomial averaging, which its authors call necessary."""

    def __init__(self, optimizer: Any, network: nn.Module, averager: Any) -> None:
        super().__init__(optimizer)
        self.network, self.averager = network, averager

    def update(self, loss: torch.Tensor, again: Callable[[], torch.Tensor]) -> None:
        self.optimizer.step()
        self.averager.step()

    def before_test(self, forward: Callable[[], None]) -> None:
        self.network.load_state_dict(self.averager.averaged_model.state_dict())

    def memory(self) -> int:
        return super().memory() + held(dict(self.averager.averaged_model.state_dict()))


def valley(lrs: list[float], losses: list[float]) -> float:
    """fastai's default suggestion: half-way through the longest run of falling losses.

    The longest strictly falling subsequence has length L and ends at index e; the suggestion is at
    `e − L + ⌊L/3⌋ + ⌊L/6⌋`.
    """
    lengths: list[int] = []
    for i, loss in enumerate(losses):
        lengths.append(1 + max((lengths[j] for j in range(i) if losses[j] > loss), default=0))
    longest = max(lengths)
    begin = lengths.index(longest) - longest
    return lrs[max(0, begin + longest // 3 + longest // 6)]


def make(name: str, family: str, network: nn.Module, steps: int, task: Any) -> Opponent:
    """The opponent of this name.

    Raises `KeyError` for an unknown name, `ImportError` where its package is missing.
    """
    kind, _, argument = name.partition("@")
    parameters = list(network.parameters())
    habit = HABIT[family]
    per_epoch = max(1, len(task.train[0]) // task.batch)
    adamw = family == "adamw"
    if kind in ("cosine", "linear"):
        optimizer = plain(family, network, float(argument))
        return Opponent(optimizer, warmed_up(optimizer, steps, kind))
    if kind.startswith("autowu"):
        options: dict[str, Any] = {
            "autowu": {},
            "autowu, no restore": {"can_restore": False},
            "autowu, paper": {"preset": "paper", "steps_per_epoch": per_epoch},
        }[kind]
        return Auto(plain(family, network, habit), network, steps, log=False, **options)
    if kind == "habit":
        optimizer = plain(family, network, habit)
        return Opponent(
            optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        )
    if kind == "plateau":
        optimizer = plain(family, network, habit)
        return OnLoss(optimizer, ReduceLROnPlateau(optimizer), per_epoch)
    if kind == "greedylr":
        from transformers.optimization import GreedyLR

        optimizer = plain(family, network, habit)
        schedule = GreedyLR(optimizer, smooth=True, min_lr=habit / 100, max_lr=habit * 10)
        return OnLoss(optimizer, schedule, 1)
    if kind == "schedule-free":
        import schedulefree

        warmup = max(1, steps // 20)
        if adamw:
            optimizer = schedulefree.AdamWScheduleFree(
                parameters, lr=0.0025, warmup_steps=warmup, weight_decay=WEIGHT_DECAY[family]
            )
        else:
            optimizer = schedulefree.SGDScheduleFree(parameters, lr=1.0, warmup_steps=warmup)
        return ScheduleFree(optimizer, network)
    if kind == "prodigy":
        from prodigyopt import Prodigy

        optimizer = Prodigy(parameters, lr=1.0, weight_decay=WEIGHT_DECAY["adamw"])
        return Opponent(
            optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        )
    if kind == "d-adaptation":
        import dadaptation

        optimizer = (
            dadaptation.DAdaptAdam(parameters, lr=1.0, decouple=True, weight_decay=0.01)
            if adamw
            else dadaptation.DAdaptSGD(parameters, lr=1.0, momentum=0.9)
        )
        return Opponent(
            optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        )
    if kind == "dog":
        from dog import DoG, PolynomialDecayAverager

        return Averaged(DoG(parameters), network, PolynomialDecayAverager(network))
    if kind == "momo":
        from momo import Momo, MomoAdam

        optimizer = (
            MomoAdam(parameters, lr=1e-2, weight_decay=0.01)
            if adamw
            else Momo(parameters, lr=1.0, beta=0.9)
        )
        return WithLoss(optimizer)
    if kind in ("salsa", "sasa+"):
        import statopt

        # A test per epoch, and at least the 100 steps that statopt asks for.
        frequency = min(1000, max(100, per_epoch))
        shared = dict(momentum=0.9, weight_decay=0, minN_stats=frequency, testfreq=frequency)
        if kind == "sasa+":
            return Opponent(statopt.SASA(parameters, lr=habit, warmup=0, **shared))
        gamma = math.sqrt(task.batch / len(task.train[0]))
        return LineSearch(statopt.SALSA(parameters, lr=1.0, gamma=gamma, **shared), network)
    raise KeyError(name)


def names(family: str, quick: bool) -> list[str]:
    """All opponents of an optimizer family. SGD's are compared with SGD only, and so on."""
    peaks = PEAKS[family][1:5] if quick else PEAKS[family]
    shapes = ["cosine"] if quick else ["cosine", "linear"]
    tuned = [f"{shape}@{peak:g}" for shape in shapes for peak in peaks]
    own = ["autowu", "autowu, no restore", "autowu, paper"]
    both = ["habit", "valley", "schedule-free", "prodigy", "d-adaptation", "momo"]
    sgd = [] if family == "adamw" else ["dog", "salsa", "sasa+"]
    return [*own, *tuned, *both, *sgd, "greedylr", "plateau"]
