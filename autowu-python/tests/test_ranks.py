"""Real processes with gloo and DistributedDataParallel."""

import pathlib
import signal
import subprocess
import sys

import pytest
import torch

HERE = pathlib.Path(__file__).parent


def run(folder, world, *flags):
    """Runs all ranks; their exit codes."""
    folder.mkdir(exist_ok=True)
    (folder / "meeting").unlink(missing_ok=True)
    command = [sys.executable, "rank_run.py", str(world), str(folder), *flags]
    said = subprocess.run(command, cwd=HERE, timeout=300, check=True, stdout=subprocess.PIPE)
    return [int(code) for code in said.stdout.split()]


def results(folder, world):
    return [torch.load(folder / f"result-{rank}.pt", weights_only=True) for rank in range(world)]


@pytest.mark.parametrize("world, flags", [(2, []), (2, ["--late"]), (4, [])])
def test_all_ranks_decide_the_same_and_have_the_same_bits(tmp_path, world, flags):
    assert run(tmp_path / "run", world, *flags) == [0] * world
    first, *others = results(tmp_path / "run", world)
    words = [word for _, word in first["told"]]
    assert "restore" in words and "decay" in words and first["loss"] < 0.2
    for other in others:
        assert other["told"] == first["told"] and other["digests"] == first["digests"]
        assert other["weights"].equal(first["weights"])
    assert first["agree"] and len(first["digests"]) == 200


def test_without_the_all_reduce_the_digests_show_the_step(tmp_path):
    assert run(tmp_path / "run", 2, "--alone") == [0, 0]
    one, other = results(tmp_path / "run", 2)
    differ = [a != b for a, b in zip(one["digests"], other["digests"])]
    assert differ[0], "they were told other losses from the first step on"
    assert one["told"] != other["told"]
    assert not one["weights"].equal(other["weights"]), "and their weights differ in the end"
    assert not one["agree"] and not other["agree"]


def test_a_rank_that_was_killed_comes_back_from_its_checkpoint(tmp_path):
    whole = tmp_path / "whole"
    assert run(whole, 2) == [0, 0]
    broken = tmp_path / "broken"
    codes = run(broken, 2, "--kill", "1", "120")
    assert codes == [3, -signal.SIGKILL]
    assert run(broken, 2) == [0, 0]
    for unbroken, resumed in zip(results(whole, 2), results(broken, 2)):
        assert resumed["start"] == 100
        assert resumed["digests"] == unbroken["digests"]
        assert resumed["weights"].equal(unbroken["weights"])
