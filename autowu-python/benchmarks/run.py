"""AutoWU beside its opponents on real tasks, on the CPU.

    python run.py --data DIR --out OUT --quick     # minutes
    python run.py --data DIR --out OUT             # hours
    python run.py --out OUT --summary              # OUT/summary.md and OUT/summary.svg again

One row per run in OUT/runs.csv. A run that has its row is not made again, so the command can be
stopped and given once more.
"""

import argparse
import csv
import importlib.metadata
import math
import pathlib
import time

import bench_tasks
import opponents
import table
import torch

FIELDS = [
    "task", "optimizer", "schedule", "seed", "steps", "metric", "is_loss", "train_loss",
    "curve", "seconds", "memory", "note",
]
PACKAGES = [
    "torch", "schedulefree", "prodigyopt", "dadaptation", "dog-optimizer", "momo-opt", "statopt",
    "transformers",
]


def range_test(task, family, network, seed):
    """The learning rate that fastai's `lr_find` suggests, and the steps that it takes: 100 from
    1e-7 to 10, on weights that are put back."""
    begin = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = opponents.plain(family, network, 1e-7)
    lrs, losses, mean, best = [], [], 0.0, math.inf
    for i, batch in enumerate(task.batches(100, seed + 1000)):
        lr = 1e-7 * (10 / 1e-7) ** (i / 99)
        optimizer.param_groups[0]["lr"] = lr
        loss = task.loss(network, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = 0.98 * mean + 0.02 * loss.item()
        smooth = mean / (1 - 0.98 ** (i + 1))
        if not math.isfinite(smooth) or smooth > 4 * best:
            break
        best = min(best, smooth)
        lrs.append(lr)
        losses.append(smooth)
    network.load_state_dict(begin)
    return opponents.valley(lrs[10:-5], losses[10:-5]), 100


def trained(task, family, name, seed):
    """One run, as a row."""
    torch.manual_seed(seed)
    network = task.network()
    network.train()
    begun, steps, note = time.perf_counter(), task.steps, ""
    if name == "valley":
        lr, used = range_test(task, family, network, seed)
        steps -= used
        note = f"lr {lr:.2e}"
        opponent = opponents.make(f"cosine@{lr}", family, network, steps, task)
    else:
        opponent = opponents.make(name, family, network, steps, task)
    curve, some = [], []
    for i, batch in enumerate(task.batches(steps, seed)):
        loss = task.loss(network, batch)
        opponent.optimizer.zero_grad()
        loss.backward()
        opponent.update(loss, lambda: task.loss(network, batch))
        some.append(loss.item())
        if (i + 1) % max(1, steps // 50) == 0:
            curve.append(sum(some) / len(some))
            some = []
    seconds = time.perf_counter() - begun

    def forward():
        with torch.no_grad():
            for x, _ in task.batches(50, seed):
                network(x)

    opponent.before_test(forward)
    return {
        "metric": task.metric(network),
        "train_loss": task.train_loss(network),
        "curve": " ".join(f"{loss:.4g}" for loss in curve),
        "seconds": round(seconds, 3),
        "memory": opponent.memory(),
        "note": note,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder with optdigits/, mnist/, text/")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="two tasks of 300 steps, one seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="runs whose task/optimizer/schedule has this")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--summary", action="store_true", help="no runs, only the tables")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "runs.csv"
    if not args.summary:
        if args.data is None:
            parser.error("--data is missing: the folder with optdigits/ in it")
        torch.set_num_threads(args.threads)
        warm_up()
        runs(args, file)
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    table.write(args.out, list(csv.DictReader(file.open())), versions)


def warm_up():
    """PyTorch loads much of itself at the first update; no run is to be charged for it."""
    network = bench_tasks.perceptron(8, 8)
    for family in opponents.HABIT:
        opponent = opponents.Auto(opponents.plain(family, network, 0.1), network, 100, log=False)
        for _ in range(20):
            loss = network(torch.ones(2, 8)).square().mean()
            opponent.optimizer.zero_grad()
            loss.backward()
            opponent.update(loss, lambda: loss)


def version(package):
    """Installed version."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def runs(args, file):
    """All that have no row yet."""
    done = set()
    if file.exists():
        done = {row_key(row) for row in csv.DictReader(file.open())}
    with file.open("a", newline="") as out:
        writer = csv.DictWriter(out, FIELDS)
        if not done:
            writer.writeheader()
        for seed in range(1 if args.quick else args.seeds):
            for task in bench_tasks.tasks(args.data, args.quick):
                for family in ("adamw", "sgdm"):
                    for name in opponents.names(family, args.quick):
                        row = {
                            "task": task.name, "optimizer": family, "schedule": name,
                            "seed": seed, "steps": task.steps, "is_loss": int(task.is_loss),
                        }
                        key = "/".join((task.name, family, name))
                        if args.only not in key or row_key(row) in done:
                            continue
                        try:
                            row |= trained(task, family, name, seed)
                        except Exception as why:  # an opponent that fails is a row that says so
                            row |= {"note": f"failed: {type(why).__name__}: {why}"[:200]}
                        print(key, seed, row.get("metric"), row["note"], flush=True)
                        writer.writerow(row)
                        out.flush()


def row_key(row):
    """What makes a run."""
    return tuple(str(row[key]) for key in ("task", "optimizer", "schedule", "seed", "steps"))


if __name__ == "__main__":
    main()
