#!/usr/bin/env python3
"""Does a change of the code change a decision?

`record` runs programs of a checkout on fixed data and keeps what they decided: learning rates,
events, votes, what became of each run. `compare` holds two such folders against each other, bit for
bit. Times are left out. A text (a verdict, a reason) may be reworded, one for one.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from decisions_compare import compare, read
from decisions_inputs import HOME, curves, prepare

EXAMPLES = """\
examples:
  git worktree add ../before COMMIT
  python3 tests/decisions.py record --repo ../before --out before
  python3 tests/decisions.py record --out after
  python3 tests/decisions.py compare before after

A recording takes about 4 minutes of one core, after the builds. It can be stopped: the same
command goes on where it was. Two recordings have to come from one machine, because candle and burn
choose their arithmetic by the processor."""

# What is run, as cargo's options.
PROGRAMS = {
    "replay": "--package autowu-replay --bin autowu",
    "detector": "--package autowu-core --example detector",
    "study": "--package autowu-candle --example study",
    "digits-candle": "--package autowu-candle --example digits",
    "digits-burn": "--package autowu-burn --example digits",
    "fleet": "--package autowu-cuda --example fleet",
}
# In a checkout without the package autowu-replay.
REPLAY_BEFORE = "--package autowu-core --example replay"


class Recorder:
    """Runs programs and keeps their output under `out`, one folder a part."""

    def __init__(self, out: Path, programs: Path) -> None:
        self.out, self.programs = out, programs
        self.data = out / "data"

    def run(self, program: str, *arguments: object) -> None:
        """One thread, and no output unless it fails."""
        command = [str(self.programs / program), *map(str, arguments)]
        one_thread = {**os.environ, "RAYON_NUM_THREADS": "1"}
        done = subprocess.run(command, env=one_thread, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}\nfailed with {done.returncode}")

    def digits(self, program: str, name: str, *choices: list[object]) -> None:
        """A training run, or its pieces one after the other; only its tables are kept."""
        kept = self.out / program / name
        if kept.exists():
            return
        with tempfile.TemporaryDirectory(dir=self.out) as scratch:
            for arguments in choices:
                self.run(program, "--data", self.data / "optdigits", "--out", scratch, *arguments)
            whole = Path(scratch) / "kept"
            whole.mkdir()
            for table in ["run.csv", "run.json"]:
                shutil.copy(Path(scratch) / table, whole)
            kept.parent.mkdir(exist_ok=True)
            whole.rename(kept)

    def replay(self, part: str, name: str, losses: list[str], *arguments: object) -> None:
        kept = self.out / part / f"{name}.json"
        if kept.exists():
            return
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.out) as scratch:
            log, record = Path(scratch) / "losses", Path(scratch) / "record.json"
            log.write_text("\n".join(losses) + "\n")
            self.run("replay", log, "--json", record, *arguments)
            record.rename(kept)


def study(recorder: Recorder) -> None:
    """Seven tasks × five optimizers × two budgets, the shortest and a longer one."""
    optimizers = ["adamw", "adamp", "lamb", "sgd", "sgd-m"]
    budgets = {
        "digits-mlp": ["b16/s60", "b32/e10"],
        "digits-cnn": ["b16/s60", "b64/e5"],
        "mnist6k-mlp": ["b16/s60", "b64/e5"],
        "mnist6k-cnn": ["b16/s60", "b128/e5"],
        "mnist-mlp": ["b16/s60", "b128/e5"],
        "regression": ["b16/s60", "b64/e10"],
        "text": ["b16/s60", "b64/e5"],
    }
    cells = [f"{t}/{o}/{b}" for t, all_of in budgets.items() for o in optimizers for b in all_of]
    recorder.run(
        "study", "--data", recorder.data, "--text", recorder.data / "text", "--threads", 1,
        "--only", ",".join(cells), "--schedules", "default,no restore,paper", "--seeds", 1,
        "--out", recorder.out / "study",
    )  # fmt: skip


def detector(recorder: Recorder) -> None:
    """Every rule on the shortest budget, the presets on every level and on a longer budget."""
    rules = [
        "default", "paper", "noise as fitted", "no descent", "descent 0.99",
        "descent 0.9999", "descent 0.999999", "no clip", "patience 1.1", "patience 1.5",
        "min samples 10", "interval 1.05", "fit on 500",
    ]  # fmt: skip
    all_rules = ["--budgets", "10x20", "--levels", "0.1", "--rules", ",".join(rules)]
    presets = ["--budgets", "10x20", "--levels", "0.03,0.3"]
    longer = ["--budgets", "50x20", "--levels", "0.1"]
    for cells in [all_rules, presets, longer]:
        out = recorder.out / "detector"
        recorder.run("detector", "--runs", 50, "--threads", 1, "--out", out, *cells)


def golden(recorder: Recorder) -> None:
    """The golden traces' losses."""
    for path in sorted((HOME / "tests/golden").glob("*.json")):
        trace = json.loads(path.read_text())
        budget = ["--steps-per-epoch", trace["steps_per_epoch"], "--epochs", trace["total_epochs"]]
        for limit in ["min_lr", "max_lr"]:
            if limit in trace["options"]:
                budget += [f"--{limit.replace('_', '-')}", trace["options"][limit]]
        for preset in ["default", "paper"]:
            for precision in ["f64", "f32"]:
                recorder.replay(
                    "golden", f"{trace['name']} {preset} {precision}",
                    [str(loss) for loss in trace["losses"]],
                    *budget, "--preset", preset, "--precision", precision,
                )  # fmt: skip


def made(recorder: Recorder) -> None:
    """Curves that lead a run into each of its branches."""
    for budget in [60, 100, 240, 1000, 5000]:
        rules = {
            "default": ["--total-steps", budget],
            "no restore": ["--total-steps", budget, "--no-restore"],
            "paper": ["--preset", "paper", "--steps-per-epoch", budget // 20, "--epochs", 20],
        }
        for seed, (curve, losses) in enumerate(curves(budget, budget).items()):
            for rule, arguments in rules.items():
                for precision in ["f64", "f32"]:
                    recorder.replay(
                        "made", f"{curve} {budget} {rule} {precision}", [repr(y) for y in losses],
                        *arguments, "--seed", seed, "--precision", precision,
                    )  # fmt: skip


def digits_candle(recorder: Recorder) -> None:
    mlp = ["--model", "mlp", "--epochs", 6]
    recorder.digits("digits-candle", "cnn", ["--epochs", 3])
    for optimizer in ["adamw", "adamp", "lamb", "sgd"]:
        for schedule in ["default", "paper"]:
            choice = [*mlp, "--optimizer", optimizer, "--schedule", schedule]
            recorder.digits("digits-candle", f"mlp {optimizer} {schedule}", choice)


def digits_burn(recorder: Recorder) -> None:
    mlp = ["--plain", "--model", "mlp", "--epochs", 6]
    recorder.digits("digits-burn", "cnn", ["--plain", "--epochs", 3])
    for optimizer in ["adamw", "adamp", "lamb", "sgd"]:
        choice = [*mlp, "--optimizer", optimizer]
        recorder.digits("digits-burn", f"mlp {optimizer}", choice)
        recorder.digits("digits-burn", f"mlp {optimizer} no restore", [*choice, "--no-restore"])
        recorder.digits("digits-burn", f"mlp {optimizer} paper", [*choice, "--schedule", "paper"])
    for stop in [1, 2, 4]:
        pieces = [*mlp, "--stop-after", stop], [*mlp, "--resume", stop]
        recorder.digits("digits-burn", f"mlp resumed after {stop}", *pieces)


def fleet(recorder: Recorder) -> None:
    """Many small networks, their tests made side by side on the CPU."""
    out = recorder.out / "fleet"
    if not (out / "fleet.csv").exists():
        recorder.run("fleet", "--quick", "--device", "host", "--out", out)


PARTS = {
    "golden": golden,
    "made": made,
    "digits-candle": digits_candle,
    "digits-burn": digits_burn,
    "fleet": fleet,
    "study": study,
    "detector": detector,
}


def build(repo: Path, programs: Path) -> None:
    programs.mkdir(parents=True, exist_ok=True)
    for name, target in PROGRAMS.items():
        print(f"building {name}", flush=True)
        if name == "replay" and not (repo / "autowu-replay").is_dir():
            target = REPLAY_BEFORE
        command = f"cargo build --quiet --release {target}"
        command += " --message-format=json-render-diagnostics"
        built = subprocess.run(command.split(), cwd=repo, stdout=subprocess.PIPE, text=True)
        if built.returncode:
            sys.exit(f"{repo}: nothing that compiles is {target}")
        messages = [json.loads(line) for line in built.stdout.splitlines()]
        executable = [m["executable"] for m in messages if m.get("executable")][-1]
        # At once: the next program may have this name too.
        shutil.copy(executable, programs / name)


def record(out: Path, repo: Path, programs: Path | None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if programs is None:
        programs = out.resolve() / "programs"
        build(repo, programs)
    sums = {n: hashlib.sha256((programs / n).read_bytes()).hexdigest() for n in PROGRAMS}
    made_by = out / "made-by.json"
    if not made_by.exists():
        made_by.write_text(json.dumps(sums, indent=1) + "\n")
    elif json.loads(made_by.read_text()) != sums:
        sys.exit(f"{out} has rows of other programs: delete it, or choose another --out")
    recorder = Recorder(out.resolve(), programs.resolve())
    prepare(recorder.data)
    for part, make in PARTS.items():
        begun = time.monotonic()
        make(recorder)
        seconds = time.monotonic() - begun
        print(f"{part}: {len(read(out / part))} runs, {seconds:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("record", help="run a checkout's programs and keep their decisions")
    make.add_argument("--out", type=Path, required=True, help="folder for the rows")
    make.add_argument("--repo", type=Path, default=HOME, help="the checkout [default: this one]")
    built = f"build nothing: this folder has {', '.join(PROGRAMS)}"
    make.add_argument("--bins", type=Path, help=built)
    hold = verbs.add_parser("compare", help="compare two recordings; exit 1 on any difference")
    hold.add_argument("a", type=Path)
    hold.add_argument("b", type=Path)
    shown = "differences to print of each part [default: 8]"
    hold.add_argument("--show", type=int, default=8, help=shown)
    args = parser.parse_args()
    if args.verb == "record":
        record(args.out, args.repo, args.bins)
    elif not compare(args.a, args.b, PARTS, args.show):
        sys.exit(1)


if __name__ == "__main__":
    main()
