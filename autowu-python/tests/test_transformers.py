"""The mixin in Hugging Face's real trainer."""

import math

import pytest
import tasks
import torch

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from autowu.transformers import Trainer  # noqa: E402


class Moons(torch.nn.Module):
    """Returns a loss, as the models of the hub do."""

    def __init__(self):
        super().__init__()
        self.network = tasks.model()

    def forward(self, x, y):
        logits = self.network(x)
        return {"loss": torch.nn.functional.cross_entropy(logits, y), "logits": logits}


def rows(poison=-1, size=64):
    """Single examples; the trainer batches them in this order."""
    out = []
    for step, (x, y) in enumerate(tasks.batches(300, size=size)):
        out += [{"x": a * (math.nan if step == poison else 1), "y": b} for a, b in zip(x, y)]
    return out


def train(folder, steps=300, resume=None, poison=-1, model=None, autowu=None, **options):
    args = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        **{
            "per_device_train_batch_size": 64,
            "report_to": [],
            "save_strategy": "no",
            "logging_steps": 10,
            "disable_tqdm": True,
            "use_cpu": True,
            "max_grad_norm": 0.0,
            "weight_decay": 0.01,
            "train_sampling_strategy": "sequential",
            **options,
        },
    )
    trainer = Trainer(
        model or Moons(), args, train_dataset=rows(poison), data_collator=collate, autowu=autowu
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def collate(examples):
    return {key: torch.stack([example[key] for example in examples]) for key in ("x", "y")}


def events(trainer):
    return [(row["step"], row["event"]) for row in trainer.sched.log if "event" in row]


def test_a_run_restores_and_learns(tmp_path):
    trainer = train(tmp_path, max_grad_norm=1.0)
    words = [word for _, word in events(trainer)]
    assert "restore" in words and "decay" in words
    assert trainer.sched.steps == 300 and trainer.sched.log[-1]["loss"] < 0.2
    logged = [row for row in trainer.state.log_history if "learning_rate" in row]
    assert max(row["learning_rate"] for row in logged) > 1e-2
    assert any(row.get("autowu/probability", 0) > 0.5 for row in logged)
    assert {row["autowu/phase"] for row in logged} == {0.0, 1.0}


def test_a_poisoned_batch_is_left_out(tmp_path):
    trainer = train(tmp_path, poison=150)
    assert (150, "skip") in events(trainer)
    assert all(torch.isfinite(value).all() for value in trainer.model.state_dict().values())


def test_accumulated_batches_are_one_step(tmp_path):
    options = dict(per_device_train_batch_size=32, gradient_accumulation_steps=2)
    trainer = train(tmp_path, steps=60, **options)
    network = tasks.model()
    x, y = next(tasks.batches(1))
    halves = [tasks.loss_of(network, (x[i : i + 32], y[i : i + 32])).item() for i in (0, 32)]
    assert trainer.sched.steps == 60
    assert trainer.sched.log[0]["loss"] == pytest.approx(sum(halves) / 2, rel=1e-5)


def test_a_checkpoint_resumes_bit_for_bit(tmp_path):
    whole = train(tmp_path / "whole")
    train(tmp_path / "part", save_strategy="steps", save_steps=170)
    resumed = train(tmp_path / "part", resume=str(tmp_path / "part" / "checkpoint-170"))
    assert resumed.sched.steps == 300
    assert resumed.sched.digest() == whole.sched.digest()
    assert tasks.weights(resumed.model).equal(tasks.weights(whole.model))
