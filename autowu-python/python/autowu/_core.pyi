from collections.abc import Sequence
from typing import Any, Literal, Optional, SupportsFloat, Union, final

Event = Literal["snapshot", "restore", "skip", "decay", "diverged", "finished"]

@final
class Outcome:
    """What `AutoWU.step` returns."""

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
    @property
    def event(self) -> Optional[Event]:
        """What the trainer has to do or to know, in one word; `None` where there is nothing."""
    @property
    def message(self) -> Optional[str]:
        """The event in one sentence for people; `None` without an event."""
    @property
    def skips_update(self) -> bool:
        """Whether to make no update in this step: the weights were put back, or the loss is not
        finite."""
    @property
    def frees_copy(self) -> bool:
        """Whether the trainer's copy is never asked for again: its memory can be freed."""
    @property
    def probability(self) -> Optional[float]:
        """The probability that the loss is past its minimum, median of the votes, if this step
        made a test that voted."""
    @property
    def report(self) -> Optional[dict[str, Any]]:
        """Everything that the test of this step saw; `None` if no test was due."""

@final
class AutoWU:
    """The learning rate of every step of one run, from the losses of the steps before.

    `total_steps` are the optimizer updates of the whole run. `preset` is "default", "paper" (the
    rule of the method's authors; needs `steps_per_epoch`) or "micro". `can_restore=False` is for a
    trainer that cannot put its weights back: a detection then ends the warmup. `seed` decides
    which losses a vote sees. The package's README lists the other options.

    Raises `ValueError` for a configuration that breaks a rule, `TypeError` for an unknown option.
    """

    def __new__(
        cls,
        total_steps: int,
        *,
        preset: Literal["default", "paper", "micro"] = "default",
        can_restore: bool = True,
        seed: int = 0,
        steps_per_epoch: int = ...,
        min_lr: float = ...,
        max_lr: float = ...,
        floor_lr: float = ...,
        decay: Literal["linear", "cosine", "constant_cosine", "constant_sqrt"] = ...,
        decay_fraction: float = ...,
        past_end: Literal["floor", "reference"] = ...,
        fraction: float = ...,
        min_steps: int = ...,
        scout: bool = ...,
        scout_fraction: float = ...,
        scout_min_steps: int = ...,
        scout_below: float = ...,
        scout_growth: float = ...,
        curve: Literal["exponential", "linear"] = ...,
        interval: Union[int, float] = ...,
        patience: Union[int, float] = ...,
        length_scale: float = ...,
        fit_samples: int = ...,
        test_samples: int = ...,
        subset_fraction: float = ...,
        min_samples: int = ...,
        votes: int = ...,
        standardise: bool = ...,
        noise_groups: int = ...,
        clip: bool = ...,
        confidence: float = ...,
        descent: Optional[float] = ...,
        overshoot: Optional[float] = ...,
        peak: Literal["rate_at_mean", "mean_rate"] = ...,
        peak_factor: Optional[float] = ...,
        fallback: Literal["argmin", "reached"] = ...,
        non_finite: Literal["end_climb", "ignore"] = ...,
        skips: int = ...,
        back_steps: int = ...,
        slowdown: Optional[float] = ...,
        rescue: Optional[float] = ...,
        guard: bool = ...,
    ) -> AutoWU: ...
    @property
    def lr(self) -> float:
        """The learning rate of the next step. Between tests it does not depend on the losses."""
    @property
    def steps(self) -> int:
        """Steps done."""
    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
    @property
    def phase(self) -> Literal["warmup", "decay"]: ...
    @property
    def skipped(self) -> int:
        """Updates that were reported as not having happened."""
    @property
    def looks_smoothed(self) -> bool:
        """Whether the losses of the present climb look smoothed, or told several times."""
    @property
    def tests(self) -> int:
        """Tests made so far."""
    @property
    def can_restore(self) -> bool:
        """Whether a detection puts the trainer's weights back."""
    @property
    def may_restore(self) -> bool:
        """Whether the trainer's copy may still be asked for. `False` before the first copy."""
    @property
    def steps_until_due(self) -> Optional[int]:
        """Steps until a finite loss can change the course, at least 1; `None` in a decay that
        nothing watches."""
    def lr_ahead(self, ahead: int) -> float:
        """The learning rate `ahead` steps after the next, if no test and no loss changes the
        course until then."""
    def window(self, room: int = 256) -> int:
        """Losses that may wait unread from now on, the next included, before `step_all` must be
        told them."""
    def step(self, loss: SupportsFloat) -> Outcome:
        """Takes the loss of the next step, any number, and says what follows."""
    def step_all(self, losses: Sequence[float]) -> Outcome:
        """`step` for losses that waited, in order. After one that changes the course, later ones
        are counted and ignored: they were measured on the old course."""
    def skip(self) -> None:
        """No update happened in this step (an overflow in mixed precision, say), and its loss is
        not told: neither learning rate nor budget moves."""
    def extend(self, total_steps: int) -> None:
        """Gives the run `total_steps` steps in all. It may be finished, or loaded.

        Raises `ValueError` for fewer steps than the run has, or has done; nothing changes.
        """
    def digest(self) -> int:
        """64 bits that differ when two runs differ: ranks can compare them."""
    def state_dict(self) -> dict[str, Any]:
        """The whole run as plain Python values."""
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The run that `state_dict` saved, configuration included.

        Raises `ValueError` for a state that no run has; nothing changes.
        """

def _panic() -> None: ...
