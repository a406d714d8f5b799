"""AutoWU in a trainer of any language: the scheduler is a process at the other end of a pipe.

    cargo build --release -p autowu-replay
    python3 docs/any_language.py target/release/autowu
"""

import random
import subprocess
import sys

STEPS = 600
random.seed(1)
xs = [[random.gauss(0, 1) for _ in range(4)] for _ in range(256)]
data = [(x, 3 * x[0] - 2 * x[1] + 0.5 + random.gauss(0, 0.1)) for x in xs]

autowu = subprocess.Popen(
    [sys.argv[1], "--stream", "--total-steps", str(STEPS)],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
)
lr = float(autowu.stdout.readline())  # of the first step
weights = [0.0] * 5
copy = list(weights)
for step in range(STEPS):
    batch = random.sample(data, 16)
    errors = [sum(w * v for w, v in zip(weights, [*x, 1])) - y for x, y in batch]
    loss = sum(e * e for e in errors) / len(batch)
    gradient = [
        sum(2 * e * [*x, 1][i] for e, (x, _) in zip(errors, batch)) / len(batch) for i in range(5)
    ]

    print(loss, file=autowu.stdin)  # before the update
    next_lr, *word = autowu.stdout.readline().split()
    if word == ["snapshot"]:
        copy = list(weights)
    if word == ["restore"]:
        weights = list(copy)  # and no update: the gradient is that of weights now gone
    elif word != ["skip"]:
        weights = [w - lr * g for w, g in zip(weights, gradient)]
    lr = float(next_lr)
autowu.stdin.close()
loss = sum((sum(w * v for w, v in zip(weights, [*x, 1])) - y) ** 2 for x, y in data) / len(data)
print(f"final loss {loss:.4f}")
