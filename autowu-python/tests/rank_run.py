"""A run with DistributedDataParallel on several processes; test_ranks.py starts it.

    python rank_run.py WORLD FOLDER [--alone] [--kill RANK STEP] [--late]

It imports PyTorch once and forks the ranks. Prints their exit codes.
"""

import argparse
import os
import pathlib
import signal
import sys
import traceback

import tasks
import torch
import torch.distributed as dist
from autowu.torch import AutoWU, check_ranks, mean_over_ranks

STEPS = 200


def main(rank, args):
    torch.set_num_threads(1)
    meeting = f"file://{args.folder}/meeting"
    dist.init_process_group("gloo", rank=rank, world_size=args.world, init_method=meeting)
    network = tasks.model(seed=rank)  # DDP sends rank 0's weights to all
    ddp = torch.nn.parallel.DistributedDataParallel(network)
    optimizer = tasks.adamw(network)
    sched = AutoWU(optimizer, STEPS, modules=[ddp], check="late" if args.late else "auto")

    checkpoint = args.folder / f"checkpoint-{rank}.pt"
    start, digests = 0, []
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        start, digests = state["step"], state["digests"]
        ddp.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        sched.load_state_dict(state["sched"])

    data = list(tasks.batches(STEPS, seed=rank, size=32))
    for step in range(start, STEPS):
        if args.kill == [rank, step]:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            loss = tasks.loss_of(ddp, data[step])
            optimizer.zero_grad()
            loss.backward()
            if sched.step(loss if args.alone else mean_over_ranks(loss)):
                optimizer.step()
        except RuntimeError as why:
            print(f"rank {rank} lost the others in step {step}: {why}", file=sys.stderr)
            os._exit(3)
        digests.append(sched.digest())
        if (step + 1) % 50 == 0:
            state = {"step": step + 1, "digests": digests, "model": ddp.state_dict()}
            state |= {"optimizer": optimizer.state_dict(), "sched": sched.state_dict()}
            torch.save(state, checkpoint)

    ranks_agree = True
    try:
        check_ranks(sched)
    except RuntimeError as why:
        assert "mean_over_ranks" in str(why)
        ranks_agree = False
    result = {
        "digests": digests,
        "told": [(row["step"], row["event"]) for row in sched.log if "event" in row],
        "weights": torch.cat([p.detach().reshape(-1) for p in network.parameters()]),
        "agree": ranks_agree,
        "start": start,
        "loss": sched.log[-1]["loss"],
    }
    torch.save(result, args.folder / f"result-{rank}.pt")
    dist.destroy_process_group()


def forked(rank, args):
    """The pid of a process that is this rank."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            main(rank, args)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("world", type=int)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--alone", action="store_true", help="no all-reduce of the loss")
    parser.add_argument("--kill", type=int, nargs=2, help="kill this rank before this step")
    parser.add_argument("--late", action="store_true", help="read losses late")
    args = parser.parse_args()
    pids = [forked(rank, args) for rank in range(args.world)]
    print(*[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
