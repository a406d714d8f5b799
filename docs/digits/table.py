#!/usr/bin/env python3
"""Runs the example `digits` with every schedule and prints README.md's table; skips finished runs.

    cargo build --release -p autowu-candle --example digits
    python3 docs/digits/table.py [--epochs 10 30 100] [--seeds 5] [--only default paper baseline]
    python3 docs/digits/table.py --optimizers          # 15 epochs of each optimizer, five seeds

One run of 100 epochs takes about a minute on one core. Rows go to results.csv beside this file.
"""

import argparse
import csv
import pathlib
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DIGITS = HERE.parents[1] / "target/release/examples/digits"
RESULTS = HERE / "results.csv"
FIELDS = ["schedule", "peak", "epochs", "seed", "accuracy"]
OPTIMIZERS = HERE / "optimizers.csv"
PEAKS = ["0.001", "0.003", "0.01", "0.03", "0.1"]


def accuracy(schedule, peak, epochs, seed):
    options = ["--schedule", schedule, "--epochs", str(epochs), "--seed", str(seed)]
    return run(options + (["--peak", peak] if peak else []))


def run(options):
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [DIGITS, *options, "--out", out], check=True, capture_output=True, text=True
        )
    return done.stdout.split()[-1]


def optimizers(seeds):
    """The default with each optimizer, in the example's 15 epochs."""
    done = {}
    if OPTIMIZERS.exists():
        with OPTIMIZERS.open() as rows:
            read = csv.DictReader(rows)
            done = {(row["optimizer"], row["seed"]): row["accuracy"] for row in read}
    else:
        OPTIMIZERS.write_text("optimizer,seed,accuracy\n")
    for seed in map(str, range(seeds)):
        for name in ["adamw", "adamp", "lamb", "sgd", "sgd-m"]:
            if (name, seed) not in done:
                done[name, seed] = run(["--optimizer", name, "--seed", seed])
                with OPTIMIZERS.open("a") as rows:
                    rows.write(f"{name},{seed},{done[name, seed]}\n")
    print("| optimizer | mean test accuracy | its seeds |\n|---|---|---|")
    for name in dict.fromkeys(name for name, _ in done):
        found = [100 * float(done[key]) for key in sorted(done) if key[0] == name]
        print(f"| {name} | {statistics.mean(found):.1f} | {' '.join(f'{x:.1f}' for x in found)} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["default", "paper", "baseline"])
    parser.add_argument("--optimizers", action="store_true", help="15 epochs of each optimizer")
    args = parser.parse_args()
    if args.optimizers:
        return optimizers(args.seeds)
    done = {}
    if RESULTS.exists():
        with RESULTS.open() as rows:
            for row in csv.DictReader(rows):
                done[tuple(row[f] for f in FIELDS[:4])] = float(row["accuracy"])
    else:
        RESULTS.write_text(",".join(FIELDS) + "\n")
    for epochs in args.epochs:
        for seed in range(args.seeds):
            for schedule in args.only:
                for peak in PEAKS if schedule == "baseline" else [""]:
                    key = (schedule, peak, str(epochs), str(seed))
                    if key not in done:
                        found = accuracy(schedule, peak, epochs, seed)
                        done[key] = float(found)
                        with RESULTS.open("a") as rows:
                            rows.write(",".join([*key, found]) + "\n")
                        print(*key, found, flush=True)
    table(done)


def table(done):
    """Per budget and schedule: mean over the seeds, and each seed; the baseline at its best."""
    print("| epochs | schedule | mean test accuracy | its seeds |\n|---|---|---|---|")
    for epochs in sorted({int(key[2]) for key in done}):
        for schedule in ["default", "paper", "baseline"]:
            runs = {}
            for (s, peak, e, seed), found in sorted(done.items()):
                if s == schedule and int(e) == epochs:
                    runs.setdefault(peak, []).append(found)
            if not runs:
                continue
            peak, best = max(runs.items(), key=lambda item: statistics.mean(item[1]))
            name = f"{schedule}, best of {len(runs)} peaks: {peak}" if peak else schedule
            seeds = " ".join(f"{100 * x:.1f}" for x in best)
            print(f"| {epochs} | {name} | {100 * statistics.mean(best):.1f} | {seeds} |")


if __name__ == "__main__":
    main()
