"""The PyTorch scheduler on real modules and optimizers."""

import copy
import io
import math

import autowu
import pytest
import tasks
import torch
from autowu.torch import AutoWU
from autowu.torch._copy import WeightCopy, copied
from tasks import adamw, batches, loss_of, train, weights


def sgd(network):
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


def events(sched):
    return [(row["step"], row["event"]) for row in sched.log if "event" in row]


def bits(value):
    """The state with tensors as lists, for comparisons."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    return [bits(part) for part in value] if isinstance(value, list) else value


# Training.


@pytest.mark.parametrize("make", [adamw, sgd])
def test_twenty_lines_train_a_network(make):
    network = tasks.model()
    optimizer = make(network)
    sched = AutoWU(optimizer, total_steps=600, modules=[network])
    train(network, optimizer, sched, batches(600))
    sched.flush()
    words = [word for _, word in events(sched)]
    assert words.count("restore") >= 2 and words.count("decay") == 1
    x, y = next(batches(1, seed=9, size=2000))
    network.eval()
    accuracy = (network(x).argmax(1) == y).float().mean().item()
    assert accuracy > (0.97 if make is adamw else 0.9)
    assert sched.lr == 0.0 and sched.steps == 600


@pytest.mark.parametrize("check", ["auto", "step", "late"])
def test_the_course_is_that_of_the_bare_class(check):
    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, total_steps=400, modules=[network], check=check, seed=2)
    bare, told = autowu.AutoWU(400, seed=2, peak_factor=1.0), []

    def compare(loss, updates):
        lr = bare.lr
        outcome = bare.step(loss.item())
        if outcome.event is not None:
            told.append((bare.steps - 1, outcome.event))
        assert updates == (outcome.event != "restore")
        assert sched.get_last_lr() == [bare.lr if outcome.event == "restore" else lr]
        assert sched.lr == bare.lr and sched.steps == bare.steps

    train(network, optimizer, sched, batches(400), compare)
    sched.flush()
    assert events(sched) == told and sched.digest() == bare.digest()


# Copies.


def snapshots_and_restores(monkeypatch, network, optimizer):
    """A list that notes how every copy was taken and put back, with our own deep copies."""
    ours, noted = {}, []
    taken, put_back = WeightCopy.taken.__func__, WeightCopy.put_back

    def state():
        return bits(copy.deepcopy(network.state_dict())), bits(optimizer.state_dict()["state"])

    def take(cls, *args):
        ours["state"] = state()
        return taken(cls, *args)

    def put(self, *args):
        put_back(self, *args)
        noted.append(state() == ours["state"])

    monkeypatch.setattr(WeightCopy, "taken", classmethod(take))
    monkeypatch.setattr(WeightCopy, "put_back", put)
    return noted


@pytest.mark.parametrize("make", [adamw, sgd])
def test_every_restore_puts_back_the_bits_of_its_snapshot(monkeypatch, make):
    network = tasks.model()
    optimizer = make(network)
    noted = snapshots_and_restores(monkeypatch, network, optimizer)
    sched = AutoWU(optimizer, total_steps=600, modules=[network])
    train(network, optimizer, sched, batches(600))
    assert len(noted) >= 2 and all(noted)


def updated(network, optimizer, steps):
    for batch in batches(steps, seed=5):
        optimizer.zero_grad()
        loss_of(network, batch).backward()
        optimizer.step()


@pytest.mark.parametrize("copy_to", [None, "cpu"])
def test_the_second_restore_puts_back_the_same_weights(copy_to):
    network = tasks.model()
    optimizer = adamw(network)
    updated(network, optimizer, 5)
    state = bits(network.state_dict()), bits(optimizer.state_dict())
    kept = WeightCopy.taken([network], optimizer, copy_to)
    for _ in range(3):
        updated(network, optimizer, 5)
        assert (bits(network.state_dict()), bits(optimizer.state_dict())) != state
        kept.put_back([network], optimizer)
        assert (bits(network.state_dict()), bits(optimizer.state_dict())) == state


def test_the_recipe_without_a_copy_on_the_way_back_is_poisoned():
    """The control: why a copy is made on the way back too."""
    network = tasks.model()
    optimizer = adamw(network)
    updated(network, optimizer, 5)
    kept = copy.deepcopy(optimizer.state_dict())
    state = bits(copy.deepcopy(kept))
    optimizer.load_state_dict(kept)
    updated(network, optimizer, 5)
    if torch.__version__ >= "2":
        assert bits(kept) != state, "PyTorch copies now: put_back may do without"


def test_a_copy_shares_no_memory_and_keeps_what_is_tied():
    shared = torch.zeros(3)
    state = {"a": shared, "b": shared.view(3), "c": [shared[:2], (1, "x")], "d": {"e": torch.ones(1)}}
    twin = copied(state)
    assert bits(twin) == bits(state) and type(twin["c"][1]) is tuple
    assert twin["a"].data_ptr() == twin["b"].data_ptr() != shared.data_ptr()
    assert twin["c"][0].data_ptr() != shared.data_ptr()
    network = tasks.model()
    assert copied(network.state_dict())._metadata == network.state_dict()._metadata


class Counter:
    """Anything with a state goes back."""

    def __init__(self):
        self.state = {"count": [0]}

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state


def test_whatever_has_a_state_goes_back_with_the_weights():
    network = tasks.model()
    optimizer = adamw(network)
    ema = torch.optim.swa_utils.AveragedModel(network)
    counter = Counter()
    sched = AutoWU(optimizer, total_steps=600, modules=[network, ema, counter])
    kept, seen = {}, 0

    def follow(loss, updates):
        nonlocal seen
        word = sched.last.event if sched.last is not None and sched.steps == sched._run.steps else None
        if word == "snapshot":
            kept.update(ema=bits(ema.state_dict()), count=counter.state["count"][0])
        if word == "restore":
            assert bits(ema.state_dict()) == kept["ema"]
            assert counter.state["count"][0] == kept["count"]
            seen += 1
        counter.state["count"][0] += 1
        ema.update_parameters(network)

    train(network, optimizer, sched, batches(600), follow)
    assert seen >= 2


def test_the_loop_with_a_grad_scaler():
    network = tasks.model()
    optimizer = adamw(network)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    sched = AutoWU(optimizer, total_steps=300, modules=[network, scaler])
    for batch in batches(300):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(network, batch)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if sched.step(loss):
            scaler.step(optimizer)
            scaler.update()
    assert "restore" in [word for _, word in events(sched)] and sched.log[-1]["loss"] < 0.2


# Losses.


def test_losses_wait_and_are_detached(monkeypatch):
    """Read only with the steps at which a test is due: as often as the bare class says."""
    def loss_at(step):
        return 2 / (1 + step / 100)

    due, bare, waiting = 0, autowu.AutoWU(2000, peak_factor=1.0), 0
    window = bare.window()
    for step in range(2000):
        bare.step(loss_at(step))
        waiting += 1
        if waiting == window:
            due, waiting, window = due + 1, 0, bare.window()

    reads = 0
    tolist = torch.Tensor.tolist

    def counted(tensor):
        nonlocal reads
        reads += 1
        return tolist(tensor)

    def forbidden(tensor, *args):
        raise AssertionError("a read of the device")

    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, total_steps=2000, modules=[network], check="late")
    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    for name in ("item", "__float__", "__bool__", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, forbidden, raising=False)
    for step in range(2000):
        loss = (network[0].weight ** 2).sum() * 0 + torch.tensor(loss_at(step), dtype=torch.float64)
        assert loss.requires_grad
        sched.step(loss)
        assert not sched._waiting._buffer.requires_grad
    monkeypatch.undo()
    assert reads == due < 300
    sched.flush()
    assert sched.digest() == bare.digest()


def test_a_loss_tensor_may_be_written_over():
    network = tasks.model()
    sched = AutoWU(adamw(network), total_steps=1000, modules=[network], check="late")
    static = torch.zeros(())
    for step in range(5):
        static.fill_(float(step))
        sched.step(static)
    assert sched._waiting.values()[-4:] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_a_loss_of_few_digits_is_refused_in_words(dtype):
    network = tasks.model()
    sched = AutoWU(adamw(network), total_steps=100, modules=[network])
    kind = str(dtype).replace("torch.", "")
    with pytest.raises(ValueError, match=f"the loss is {kind}: it must be float32"):
        sched.step(torch.ones((), dtype=dtype))
    with pytest.raises(ValueError, match="mean"):
        sched.step(torch.ones(3))
    with pytest.raises(TypeError):
        sched.step("1")
    assert sched.steps == 0
    assert sched.step(torch.ones(1, dtype=torch.float64)) and sched.step(1) and sched.step(1.5)


def nan_at(step, check, optimizer_of, total=400):
    """A run in which one batch is poisoned; the weights before and after that step."""
    network = tasks.model()
    optimizer = optimizer_of(network)
    sched = AutoWU(optimizer, total_steps=total, modules=[network], check=check)
    around, answers = [], []
    for i, (x, y) in enumerate(batches(total)):
        loss = loss_of(network, (x * math.nan if i == step else x, y))
        optimizer.zero_grad()
        loss.backward()
        around.append(weights(network))
        answers.append(sched.step(loss))
        if answers[-1]:
            optimizer.step()
        around.append(weights(network))
    sched.flush()
    return network, sched, answers, around


@pytest.mark.parametrize("step", [0, 3, 60, 110, 200, 399])
def test_a_poisoned_batch_is_left_out_in_its_own_step(step):
    network, sched, answers, around = nan_at(step, "auto", adamw)
    assert not answers[step] and (step, "skip") in events(sched)
    of_parameters = torch.isfinite(around[2 * step])  # the running statistics are poisoned
    assert not of_parameters.all()
    assert around[2 * step][of_parameters].equal(around[2 * step + 1][of_parameters])
    assert torch.isfinite(around[2 * step + 1]).all(), "and mended"
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_statistics_that_are_meant_to_be_infinite_stay_so():
    network = tasks.model()
    network.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    sched = AutoWU(adamw(network), total_steps=100, modules=[network])
    network[1].running_mean[3] = math.nan
    assert not sched.step(torch.tensor(math.nan))
    assert network.mask.tolist() == [0.0, -math.inf]
    assert network[1].running_mean.tolist() == [0.0] * 32


def test_three_poisoned_batches_in_a_row_put_the_weights_back(monkeypatch):
    network = tasks.model()
    optimizer = adamw(network)
    noted = snapshots_and_restores(monkeypatch, network, optimizer)
    sched = AutoWU(optimizer, total_steps=400, modules=[network])
    data = [(x * math.nan if i in (60, 61, 62) else x, y) for i, (x, y) in enumerate(batches(400))]
    train(network, optimizer, sched, data)
    assert [event for event in events(sched) if 60 <= event[0] <= 62] == [
        (60, "skip"), (61, "skip"), (62, "restore"),
    ]
    assert noted and all(noted)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_a_poisoned_batch_is_masked_where_losses_are_read_late(kind, fused):
    parameter = torch.nn.Parameter(torch.ones(4))
    network = torch.nn.ParameterList([parameter])
    optimizer = kind([parameter], lr=0.1, fused=fused)
    options = {"check": "late", "min_lr": 0.01, "scout": False, "interval": 50}
    sched = AutoWU(optimizer, total_steps=1000, modules=[network], **options)
    values = []
    for step in range(10):
        poison = math.nan if step == 6 else 1.0
        loss = (parameter * poison).sum()
        optimizer.zero_grad()
        loss.backward()
        if sched.step(loss):
            optimizer.step()
        values.append(parameter.detach().clone())
    assert torch.isfinite(parameter).all()
    assert len(sched._waiting) > 4, "nothing was read meanwhile"
    assert values[6].equal(values[5]) == (fused or kind is torch.optim.SGD)
    assert not values[7].equal(values[6])
    assert not hasattr(optimizer, "found_inf")


# Groups.


def test_groups_keep_their_ratios_and_zero_stays_zero():
    network = tasks.model()
    optimizer = torch.optim.AdamW(
        [
            {"params": network[0].parameters(), "lr": 2e-4},
            {"params": network[1].parameters(), "lr": 0.0},
            {"params": network[3].parameters()},
        ],
        lr=1e-3,
    )
    frozen = network[1].weight.detach().clone()
    sched = AutoWU(optimizer, total_steps=300, modules=[network])
    rates = []

    def note(loss, updates):
        rates.append(sched.get_last_lr())

    train(network, optimizer, sched, batches(300), note)
    for (slow, zero, full), row in zip(rates, sched.log):
        assert zero == 0.0 and slow == full * (2e-4 / 1e-3)
    assert max(full for _, _, full in rates) > 1e-2
    assert network[1].weight.equal(frozen)


def test_a_learning_rate_in_a_tensor_is_written_in_place():
    parameter = torch.nn.Parameter(torch.ones(2))
    rate = torch.tensor(0.1)
    optimizer = torch.optim.SGD([parameter], lr=rate)
    sched = AutoWU(optimizer, 100, modules=[torch.nn.ParameterList([parameter])])
    group = optimizer.param_groups[0]
    first = rate.item()
    assert group["lr"] is rate and first == pytest.approx(sched.lr)
    sched.step(1.0)
    sched.step(1.0)
    assert group["lr"] is rate and rate.item() > 1.01 * first


def test_learning_rates_that_say_no_ratio_are_refused():
    network = tasks.model()
    with pytest.raises(ValueError, match="at least one above 0"):
        AutoWU(torch.optim.SGD(network.parameters(), lr=0.0), 100, modules=[network])


def test_modules_that_would_leave_weights_behind_are_refused():
    network, other = tasks.model(), tasks.model()
    for modules, words in [
        ([], "can_restore=False"),
        ([other], "0 of the 6 parameters"),
        ([network[0]], "2 of the 6 parameters"),
        ([3], "int"),
    ]:
        with pytest.raises(ValueError, match=words):
            AutoWU(adamw(network), 100, modules=modules)
    AutoWU(adamw(network), 100, can_restore=False)
    AutoWU(adamw(network), 100, preset="paper", steps_per_epoch=10)
    with pytest.raises(ValueError, match="total_steps is 0"):
        AutoWU(adamw(network), 0, modules=[network])
    with pytest.raises(ValueError, match="late"):
        AutoWU(adamw(network), 100, modules=[network], check="never")


def test_families_are_known_by_their_classes():
    class Mine(torch.optim.AdamW):
        pass

    class Odd(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 1.0})

    class Lamb(torch.optim.AdamW):
        pass

    def heavy(parameters):
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)

    network = tasks.model()
    for kind, family, factor in [
        (Mine, "adam", 1.0),
        (torch.optim.RAdam, "adam", 1.0),
        (Lamb, "lamb", 0.5),
        (torch.optim.SGD, "sgd", 2.0),
        (heavy, "sgd", 1.0),
        (Odd, None, 1.0),
    ]:
        optimizer = kind(network.parameters())
        sched = AutoWU(optimizer, 100, modules=[network])
        assert (sched.family, sched.peak_factor) == (family, factor)
        assert sched.digest() == autowu.AutoWU(100, peak_factor=factor).digest()
        told = AutoWU(optimizer, 100, modules=[network], peak_factor=3.0)
        assert told.digest() == autowu.AutoWU(100, peak_factor=3.0).digest()


# Checkpoints.


def saved(value):
    """Through a file, with PyTorch's safe reader."""
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("cut", [0, 1, 50, 118, 119, 120, 165, 299])
@pytest.mark.parametrize("check", ["auto", "late"])
def test_a_run_that_was_saved_goes_on_bit_for_bit(cut, check):
    total, data = 300, list(batches(300))
    network = tasks.model()
    optimizer = sgd(network)
    sched = AutoWU(optimizer, total, modules=[network], check=check)
    train(network, optimizer, sched, data[:cut])
    state = saved([network.state_dict(), optimizer.state_dict(), sched.state_dict()])
    train(network, optimizer, sched, data[cut:])

    other = tasks.model(seed=1)
    again = sgd(other)
    resumed = AutoWU(again, 7, modules=[other], check=check)
    other.load_state_dict(state[0])
    again.load_state_dict(state[1])
    resumed.load_state_dict(state[2])
    train(other, again, resumed, data[cut:])
    assert resumed.digest() == sched.digest() and resumed.steps == 300
    assert weights(other).equal(weights(network))


def test_a_saved_copy_is_not_written_to():
    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, 600, modules=[network])
    data = list(batches(600))
    train(network, optimizer, sched, data[:150])
    state = sched.state_dict()
    before = bits(state)
    train(network, optimizer, sched, data[150:])
    assert bits(state) == before


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, 300, modules=[network])
    train(network, optimizer, sched, batches(60))
    state = sched.state_dict()
    assert state["copy"] is not None

    wide = tasks.model(width=8)
    mine = AutoWU(adamw(wide), 500, modules=[wide])
    mine.step(1.0)
    before = bits(mine.state_dict())
    with pytest.raises(ValueError, match="another model"):
        mine.load_state_dict(state)

    twin = tasks.model(seed=1)
    mine = AutoWU(adamw(twin), 500, modules=[twin])
    mine.step(1.0)
    before = bits(mine.state_dict())
    for key in state:
        for damage in ("remove", 17, {}, "x", [math.nan] * 1000):
            damaged = dict(state)
            if damage == "remove":
                del damaged[key]
            else:
                damaged[key] = damage
            with pytest.raises(ValueError):
                mine.load_state_dict(damaged)
            assert bits(mine.state_dict()) == before
    broken = copy.deepcopy(state)
    broken["run"]["step"] = -1
    no_optimizer = copy.deepcopy(state)
    no_optimizer["copy"]["optimizer"]["param_groups"] *= 2
    two = copy.deepcopy(state)
    two["copy"]["modules"] *= 2
    for damaged in (broken, no_optimizer, two, None, 3):
        with pytest.raises(ValueError):
            mine.load_state_dict(damaged)
        assert bits(mine.state_dict()) == before


def test_a_finished_run_gets_more_steps():
    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, 300, modules=[network])
    train(network, optimizer, sched, batches(300))
    assert sched.lr == 0.0
    sched.extend(600)
    assert sched.get_last_lr()[0] > 0
    with pytest.raises(ValueError, match="at least 600"):
        sched.extend(500)
    train(network, optimizer, sched, batches(300, seed=1))
    assert sched.lr == 0.0 and sched.total_steps == 600
    # A new scheduler for an optimizer whose learning rate has reached 0.
    AutoWU(optimizer, 100, modules=[network])


# Logs.


def test_the_log_holds_every_step_and_is_bounded(tmp_path):
    network = tasks.model()
    optimizer = adamw(network)
    sched = AutoWU(optimizer, 600, modules=[network])
    train(network, optimizer, sched, batches(600))
    sched.flush()
    assert [row["step"] for row in sched.log] == list(range(600))
    assert {row["phase"] for row in sched.log} == {"warmup", "decay"}
    assert any(row.get("probability", 0) > 0.9 for row in sched.log)
    pytest.importorskip("matplotlib")
    for name in ("run.svg", "run.png"):
        sched.plot(str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 5000
    log = autowu.Log(most=100)
    for step in range(10_000):
        log.add(step, 0.1, 1.0, "warmup")
    assert 50 <= len(log.rows) <= 100 and log.rows[0]["step"] == 0


def test_smoothed_losses_are_said_once(caplog):
    def said(smooth):
        caplog.clear()
        network = tasks.model()
        sched = AutoWU(adamw(network), 3000, modules=[network])
        generator, mean = torch.Generator().manual_seed(0), torch.zeros(())
        for step in range(1500):
            loss = 2 * math.exp(-step / 800) + 0.2 * torch.randn((), generator=generator)
            mean = 0.9 * mean + 0.1 * loss if step else loss
            sched.step(mean if smooth else loss)
        return [row for row in caplog.messages if "smoothed" in row]

    assert len(said(True)) == 1 and not said(False)
