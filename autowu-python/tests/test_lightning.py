"""The callback in a real Lightning trainer."""

import math

import pytest
import tasks
import torch

lightning = pytest.importorskip("lightning.pytorch")

from autowu.lightning import AutoWU  # noqa: E402


class Moons(lightning.LightningModule):
    """With a poisoned batch, if asked for."""

    def __init__(self, poison=-1, schedulers=0):
        super().__init__()
        self.network = tasks.model()
        self.poison, self.schedulers, self.seen = poison, schedulers, []

    def training_step(self, batch, index):
        x, y = batch
        if self.global_step == self.poison:
            x = x * math.nan
        return tasks.loss_of(self.network, (x, y))

    def on_train_batch_end(self, *args):
        self.seen.append(self.optimizers().param_groups[0]["lr"])

    def configure_optimizers(self):
        optimizer = tasks.adamw(self.network)
        if self.schedulers:
            return [optimizer], [torch.optim.lr_scheduler.ConstantLR(optimizer)]
        return optimizer


def fit(module, callback, steps=300, resume=None, folder=None, epoch=300, **options):
    trainer = lightning.Trainer(
        max_steps=steps,
        callbacks=[callback],
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"logger": False, "enable_checkpointing": False, **options},
    )
    data = list(tasks.batches(epoch))
    loader = torch.utils.data.DataLoader(data, batch_size=None, shuffle=False)
    trainer.fit(module, loader, ckpt_path=resume)
    return trainer


def events(callback):
    return [(row["step"], row["event"]) for row in callback.sched.log if "event" in row]


def test_the_course_is_that_of_a_plain_loop():
    module, callback = Moons(), AutoWU()
    fit(module, callback)
    network = tasks.model()
    optimizer = tasks.adamw(network)
    from autowu.torch import AutoWU as TorchAutoWU

    sched = TorchAutoWU(optimizer, 300, modules=[network])
    tasks.train(network, optimizer, sched, tasks.batches(300))
    sched.flush()
    assert sum(word == "restore" for _, word in events(callback)) >= 1
    assert callback.sched.digest() == sched.digest()
    assert tasks.weights(module.network).equal(tasks.weights(network))
    assert len(set(module.seen)) > 250


@pytest.mark.parametrize("check", ["auto", "late"])
def test_a_poisoned_batch_is_left_out(check):
    module, callback = Moons(poison=150), AutoWU(check=check)
    fit(module, callback)
    assert all(torch.isfinite(value).all() for value in module.state_dict().values())
    assert math.isnan(callback.sched.log[150]["loss"])


def test_accumulated_batches_are_one_step():
    module, callback = Moons(), AutoWU()
    trainer = fit(module, callback, steps=100, accumulate_grad_batches=3)
    assert trainer.global_step == callback.sched.steps == 100
    first = tasks.model()
    parts = [tasks.loss_of(first, batch).item() for batch in list(tasks.batches(3))]
    assert callback.sched.log[0]["loss"] == pytest.approx(sum(parts) / 3, rel=1e-5)


class ByStep(Moons):
    """Takes its batches by the step: a resumed Lightning trainer begins the data anew."""

    def __init__(self):
        super().__init__()
        self.batches = list(tasks.batches(240))

    def training_step(self, batch, index):
        return super().training_step(self.batches[self.global_step], index)


def test_a_checkpoint_resumes_bit_for_bit(tmp_path):
    whole, callback = ByStep(), AutoWU()
    fit(whole, callback, steps=240)
    trainer = fit(ByStep(), AutoWU(total_steps=240), steps=97)
    trainer.save_checkpoint(tmp_path / "part.ckpt")
    resumed, again = ByStep(), AutoWU(total_steps=240)
    fit(resumed, again, steps=240, resume=str(tmp_path / "part.ckpt"))
    assert again.sched.steps == 240 and again.sched.digest() == callback.sched.digest()
    assert tasks.weights(resumed.network).equal(tasks.weights(whole.network))


def test_the_trainers_logger_gets_the_schedule(tmp_path):
    class Kept(lightning.loggers.CSVLogger):
        rows = []

        def log_metrics(self, metrics, step=None):
            self.rows.append(dict(metrics))

    fit(Moons(), AutoWU(), logger=Kept(tmp_path), log_every_n_steps=10)
    lrs = [row["autowu/lr"] for row in Kept.rows if "autowu/lr" in row]
    assert len(lrs) == 30 and max(lrs) > 1e-2
    assert any(row.get("autowu/probability", 0) > 0.5 for row in Kept.rows)
    assert {row["autowu/phase"] for row in Kept.rows if "autowu/phase" in row} == {0.0, 1.0}


def test_a_scheduler_beside_it_is_refused():
    with pytest.raises(ValueError, match="no scheduler"):
        fit(Moons(schedulers=1), AutoWU())
