"""A PyTorch trainer whose scheduler is a process at the other end of a pipe.

    cargo build --release -p autowu-core --example replay
    python3 docs/any_language_torch.py target/release/examples/replay

It needs PyTorch alone; with the package in autowu-python/ all of this is one line.
"""

import copy
import subprocess
import sys

import torch

STEPS = 600
torch.manual_seed(1)
torch.set_num_threads(1)
data = torch.randn(4096, 8)
labels = (data[:, 0] * data[:, 1] + data[:, 2] > 0).long()
body = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU())
head = torch.nn.Linear(64, 2)
model = torch.nn.Sequential(body, head)
ema = torch.optim.swa_utils.AveragedModel(model)
# The learning rates say the ratios: the head follows the schedule, the body a fifth of it, and a
# group at 0 stays frozen.
optimizer = torch.optim.AdamW(
    [
        {"params": head.parameters(), "lr": 1e-3},
        {"params": body[0].parameters(), "lr": 2e-4},
        {"params": body[1].parameters(), "lr": 0.0},
    ]
)
ratios = [group["lr"] / 1e-3 for group in optimizer.param_groups]
stateful = [model, ema, optimizer]  # a GradScaler belongs here too

autowu = subprocess.Popen(
    [sys.argv[1], "--stream", "--total-steps", str(STEPS)],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
)
lr = float(autowu.stdout.readline())  # of the first step
saved, restores = None, 0
for step in range(STEPS):
    batch = torch.randint(len(data), (64,))
    loss = torch.nn.functional.cross_entropy(model(data[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()

    print(loss.item(), file=autowu.stdin)  # before the update
    next_lr, *word = autowu.stdout.readline().split()
    if word == ["snapshot"]:
        saved = copy.deepcopy([part.state_dict() for part in stateful])
    if word == ["restore"]:
        # A copy of the copy: `optimizer.load_state_dict` keeps the tensors that it is given, and
        # the next update would change them.
        for part, state in zip(stateful, copy.deepcopy(saved)):
            part.load_state_dict(state)
        restores += 1
    elif word != ["skip"]:
        # After loading, because the loaded state brings its own learning rates.
        for group, ratio in zip(optimizer.param_groups, ratios):
            group["lr"] = lr * ratio
        optimizer.step()
        ema.update_parameters(model)
    lr = float(next_lr)
autowu.stdin.close()

model.eval()
accuracy = (model(data).argmax(1) == labels).float().mean().item()
print(f"{restores} restores, accuracy {accuracy:.3f}")
# With a shallow copy on the way back the second restore would put back ruined moments.
assert restores >= 2, "this run shows nothing without a second restore"
assert accuracy > 0.9
assert torch.equal(body[1].weight, torch.ones(64)), "the frozen group has moved"
