"""`Log`: what a run did, for people, plots and loggers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union


class Log:
    """Rows of a run: step, learning rate, loss; phase, probability, event and message where there
    is one.

    Memory is bounded: past `most` rows, every second row without an event or a test goes. `rows`
    are dicts, ready for `pandas.DataFrame` or a logger.

        log = autowu.Log()
        ...
        outcome = s.step(loss)
        log.add(s.steps - 1, lr, loss, s.phase, outcome)
        ...
        log.plot("run.svg")
    """

    def __init__(self, most: int = 20_000) -> None:
        self.rows: list[dict[str, Any]] = []
        self.most = most
        self._every = 1

    def add(
        self, step: int, lr: float, loss: float, phase: str, outcome: Optional[Any] = None
    ) -> dict[str, Any]:
        """The row of one step, with what `AutoWU.step` returned for its loss."""
        row: dict[str, Any] = {"step": step, "lr": lr, "loss": loss, "phase": phase}
        if outcome is not None and outcome.probability is not None:
            row["probability"] = outcome.probability
        if outcome is not None and outcome.event is not None:
            row["event"], row["message"] = outcome.event, outcome.message
        if len(row) > 4 or step % self._every == 0:
            self.rows.append(row)
        if len(self.rows) > self.most:
            self._every *= 2
            self.rows = [r for r in self.rows if len(r) > 4 or r["step"] % self._every == 0]
            self.most = max(self.most, 2 * len(self.rows))
        return row

    def plot(self, path: Union[str, Path], title: str = "AutoWU") -> None:
        """Draws loss and learning rate with the events, as SVG, PNG or PDF by the path's ending.

        Raises `ImportError` without matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(
                "plot draws with matplotlib, which is not installed: pip install matplotlib"
            ) from None
        steps = [row["step"] for row in self.rows]
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        top.plot(steps, [row["loss"] for row in self.rows], linewidth=0.8, color="tab:blue")
        top.set_ylabel("training loss")
        top.set_title(title)
        bottom.plot(steps, [row["lr"] for row in self.rows], linewidth=1, color="tab:orange")
        bottom.set_ylabel("learning rate")
        if any(row["lr"] > 0 for row in self.rows):
            bottom.set_yscale("log")
        bottom.set_xlabel("step")
        colors = {"restore": "tab:red", "decay": "tab:green", "diverged": "black", "skip": "gray"}
        for word, color in colors.items():
            at = [row["step"] for row in self.rows if row.get("event") == word]
            for i, step in enumerate(at):
                for axes in (top, bottom):
                    axes.axvline(step, color=color, linestyle=":", label=word if i == 0 else None)
        if any(row.get("event") in colors for row in self.rows):
            top.legend(loc="upper right")
        figure.savefig(path)
