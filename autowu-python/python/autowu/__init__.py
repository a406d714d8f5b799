"""AutoWU: a learning-rate schedule that finds its own warmup and its own peak.

`autowu.AutoWU` is the scheduler alone, for any trainer. `autowu.torch`, `autowu.lightning` and
`autowu.transformers` follow its events for you.
"""

from autowu._core import AutoWU, Outcome
from autowu.log import Log

__all__ = ["AutoWU", "Log", "Outcome"]
