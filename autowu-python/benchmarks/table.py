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
    """Rows by (task, optimizer), then by schedule. The tuned peak is the best mean of the peaks, under
    the name `tuned cosine` or `tuned linear`."""
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
    ours = gaps.get("autowu", [])
    overall = [
        "# AutoWU and its opponents\n",
        "Below the tuned peak: points of accuracy, or per cent of the loss; less is better.\n",
        "| schedule | cells | median | worst | lost | AutoWU ahead in |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    by_cell = {name: cell_gaps(found, name) for name in gaps}
    for name, all_gaps in sorted(gaps.items(), key=lambda item: statistics.median(item[1])):
        lost = sum(x > 20 for x in all_gaps)
        both = [key for key in by_cell[name] if key in by_cell.get("autowu", {})]
        ahead = sum(by_cell["autowu"][key] < by_cell[name][key] for key in both) if ours else 0
        overall.append(
            f"| {name} | {len(all_gaps)} | {statistics.median(all_gaps):.2f} | "
            f"{max(all_gaps):.2f} | {lost} | {ahead} of {len(both)} |"
        )
    overall += ["\n" + ", ".join(versions) + "."]
    (folder / "summary.md").write_text("\n".join(overall + lines) + "\n")
    draw(folder / "summary.svg", gaps)


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


def draw(path, gaps):
    """A dot per cell, a bar at the median; gaps above 30 lie on the right edge."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    order = sorted(gaps, key=lambda name: -statistics.median(gaps[name]))
    figure = Figure(figsize=(9, 0.35 * len(order) + 1.2), layout="constrained")
    axes = figure.subplots()
    for y, name in enumerate(order):
        values = [min(30.0, x) for x in gaps[name]]
        color = "tab:orange" if name.startswith("autowu") else "tab:blue"
        axes.plot(values, [y] * len(values), "o", color=color, alpha=0.6, markersize=5)
        axes.plot(min(30.0, statistics.median(gaps[name])), y, "|", color="black", markersize=14)
    axes.set_yticks(range(len(order)), order)
    axes.axvline(0, color="gray", linewidth=0.8)
    axes.set_xlabel("below the tuned peak: points of accuracy, or % of the loss")
    figure.savefig(path)
