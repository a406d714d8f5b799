"""summary.md and summary.svg from the rows."""

import math
import statistics


def number(text):
    """NaN where a run failed."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def gap(metric, tuned, is_loss):
    """How far below the tuned peak: points, or per cent of the loss. Positive is worse."""
    return 100 * (metric / tuned - 1) if is_loss else 100 * (tuned - metric)


def cells(rows):
    """Rows by (task, optimizer), then by schedule. The tuned peak is the best mean of the peaks,
    under the name `tuned cosine` or `tuned linear`."""
    found = {}
    for row in rows:
        cell = found.setdefault((row["task"], row["optimizer"]), {})
        cell.setdefault(row["schedule"], []).append(row)
    for cell in found.values():
        for shape in ("cosine", "linear"):
            peaks = [name for name in cell if name.startswith(shape + "@")]
            if peaks:
                best = min(peaks, key=lambda name: badness(cell[name]))
                cell[f"tuned {shape}"] = cell[best]
            for name in peaks:
                del cell[name]
    return found


def badness(rows):
    """To be minimised; a failed run is the worst."""
    sign = 1 if rows[0]["is_loss"] == "1" else -1
    values = [sign * number(row["metric"]) for row in rows]
    return math.inf if any(map(math.isnan, values)) else statistics.mean(values)


def steps_to(rows, tuned):
    """The share of the budget after which the training loss has made 95 % of the tuned run's final
    descent; 1 if never."""
    ends = [[float(x) for x in row["curve"].split()] for row in tuned if row["curve"]]
    if not ends:
        return math.nan
    top = statistics.mean(curve[0] for curve in ends)
    target = top - 0.95 * (top - statistics.mean(curve[-1] for curve in ends))
    shares = []
    for row in rows:
        curve = [float(x) for x in row["curve"].split()]
        at = next((i + 1 for i, loss in enumerate(curve) if loss <= target), len(curve))
        shares.append(at / max(1, len(curve)))
    return statistics.median(shares) if shares else math.nan


def write(folder, rows, versions):
    """Both files."""
    found = cells(rows)
    gaps, lines = {}, []
    for (task, optimizer), cell in found.items():
        tuned = cell.get("tuned cosine") or next(iter(cell.values()))
        is_loss = tuned[0]["is_loss"] == "1"
        best = statistics.mean(number(row["metric"]) for row in tuned)
        base = statistics.median(number(row["seconds"]) for row in tuned)
        lines += [
            f"\n### {task}, {optimizer}: {'loss' if is_loss else 'accuracy'}\n",
            "| schedule | median | worst | below tuned | 95 % after | time | memory | |",
            "|---|---:|---:|---:|---:|---:|---:|---|",
        ]
        for name, runs in sorted(cell.items(), key=lambda item: badness(item[1])):
            values = [number(row["metric"]) for row in runs]
            if any(map(math.isnan, values)):
                note = next(row["note"] for row in runs if math.isnan(number(row["metric"])))
                lines.append(f"| {name} | | | | | | | {note or 'not finite'} |")
                gaps.setdefault(name, []).append(math.inf)
                continue
            worst = max(values) if is_loss else min(values)
            middle = statistics.median(values)
            below = gap(middle, best, is_loss)
            gaps.setdefault(name, []).append(below)
            seconds = statistics.median(number(row["seconds"]) for row in runs) / base
            memory = statistics.median(number(row["memory"]) for row in runs) / 1024
            lines.append(
                f"| {name} | {middle:.4f} | {worst:.4f} | {below:.2f} | "
                f"{100 * steps_to(runs, tuned):.0f} % | ×{seconds:.2f} | {memory:.0f} KiB | "
                f"{runs[0]['note']} |"
            )
    by_cell = {name: cell_gaps(found, name) for name in gaps}
    overall = [
        "# AutoWU and its opponents\n",
        "How far below the tuned cosine a schedule ends in a cell (task and optimizer), in the",
        "median of the seeds: points of accuracy, or per cent of the loss; less is better. A run is",
        "lost that ends more than 20 points or 50 % below. The last column counts cells.\n",
        "| schedule | cells | points: median | worst | % of loss: median | worst | lost runs "
        "| AutoWU ahead in |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in sorted(gaps, key=lambda name: middle_of(by_cell[name], found, "0")):
        ours, theirs = by_cell.get("autowu", {}), by_cell[name]
        both = [key for key in theirs if key in ours]
        ahead = sum(ours[key] < theirs[key] for key in both)
        lost, runs = lost_runs(found, name)
        points, loss = spread(theirs, found, "0"), spread(theirs, found, "1")
        overall.append(
            f"| {name} | {len(theirs)} | {points} | {loss} | {lost} of {runs} "
            f"| {ahead} of {len(both)} |"
        )
    overall += ["\n" + ", ".join(versions) + "."]
    (folder / "summary.md").write_text("\n".join(overall + lines) + "\n")
    draw(folder / "summary.svg", {name: g for name, g in by_cell.items() if g}, found)


def of_kind(gaps, found, is_loss):
    """The gaps of cells of accuracy ("0") or of a loss ("1")."""
    kind = {key: next(iter(cell.values()))[0]["is_loss"] for key, cell in found.items()}
    return [gap for key, gap in gaps.items() if kind[key] == is_loss]


def middle_of(gaps, found, is_loss):
    """Their median, to sort by."""
    values = of_kind(gaps, found, is_loss)
    return statistics.median(values) if values else math.inf


def spread(gaps, found, is_loss):
    """Median and worst, as two columns."""
    values = of_kind(gaps, found, is_loss)
    return f"{statistics.median(values):.2f} | {max(values):.2f}" if values else " | "


def lost_runs(found, name):
    """Runs far below the tuned cosine, and all runs."""
    lost = runs = 0
    for cell in found.values():
        tuned = cell.get("tuned cosine")
        for row in cell.get(name, []) if tuned else []:
            is_loss = row["is_loss"] == "1"
            best = statistics.mean(number(row["metric"]) for row in tuned)
            below = gap(number(row["metric"]), best, is_loss)
            lost, runs = lost + (not below <= (50 if is_loss else 20)), runs + 1
    return lost, runs


def cell_gaps(found, name):
    """Median gap per cell."""
    out = {}
    for key, cell in found.items():
        tuned = cell.get("tuned cosine")
        if name in cell and tuned:
            best = statistics.mean(number(row["metric"]) for row in tuned)
            values = [number(row["metric"]) for row in cell[name]]
            is_loss = tuned[0]["is_loss"] == "1"
            bad = any(map(math.isnan, values))
            out[key] = math.inf if bad else gap(statistics.median(values), best, is_loss)
    return out


def draw(path, by_cell, found):
    """A mark per cell, a bar at the median of all."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
    except ImportError:
        return
    order = sorted(by_cell, key=lambda name: -statistics.median(by_cell[name].values()))
    figure = Figure(figsize=(9, 0.32 * len(order) + 1.4), layout="constrained")
    axes = figure.subplots()
    edge = 100.0
    for y, name in enumerate(order):
        color = "tab:orange" if name.startswith("autowu") else "tab:blue"
        for kind, mark in (("0", "o"), ("1", "s")):
            values = [min(edge, x) for x in of_kind(by_cell[name], found, kind)]
            axes.plot(values, [y] * len(values), mark, color=color, alpha=0.6, markersize=5)
        middle = min(edge, statistics.median(by_cell[name].values()))
        axes.plot(middle, y, "|", color="black", markersize=14)
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_locator(FixedLocator([-30, -10, -3, -1, 0, 1, 3, 10, 30, 100]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_yticks(range(len(order)), order)
    axes.axvline(0, color="gray", linewidth=0.8)
    axes.set_xlabel(
        "below the tuned cosine: points of accuracy (circles), % of the loss (squares)"
    )
    figure.savefig(path)
