"""The bare class: interface, options, saved states, errors, threads."""

import copy
import json
import math
import os
import pickle
import random
import subprocess
import sys
import threading
import time

import autowu
import pytest


def noisy(step, lr=0.0):
    """A loss that falls, and rises again where the learning rate is above 0.1."""
    noise = random.Random(step).gauss(0, 0.02)
    return 2.0 / (1 + step / 40) + 30 * max(0.0, lr - 0.1) + noise


def played(s, steps):
    """Learning rates and events of the next steps."""
    out = []
    for _ in range(steps):
        lr = s.lr
        r = s.step(noisy(s.steps, lr))
        out.append((lr, r.lr, r.event, r.message))
    return out


def test_a_run_learns():
    s = autowu.AutoWU(200)
    w, kept, events = 3.0, None, []
    for _ in range(200):
        lr, loss, gradient = s.lr, 0.5 * w * w, w
        r = s.step(loss)
        assert r.lr == s.lr
        if r.event:
            events.append(r.event)
            assert f"step {s.steps}" in r.message
        if r.event == "snapshot":
            kept = w
        if r.event == "restore":
            w = kept
        elif not r.skips_update:
            w -= lr * gradient
    assert abs(w) < 1e-3
    assert s.steps == 200 and s.phase == "decay"
    assert events.count("decay") == 1 and "snapshot" in events


def test_a_run_without_restore_never_asks_for_the_copy():
    s = autowu.AutoWU(400, can_restore=False)
    assert not s.may_restore
    events = {event for _, _, event, _ in played(s, 400)}
    assert "decay" in events and not events & {"snapshot", "restore"}


OPTIONS = {
    "seed": 5,
    "can_restore": False,
    "min_lr": 1e-4,
    "max_lr": 0.5,
    "floor_lr": 1e-8,
    "decay": "cosine",
    "past_end": "reference",
    "fraction": 0.3,
    "min_steps": 31,
    "interval": 7,
    "patience": 4,
    "length_scale": 0.3,
    "fit_samples": 90,
    "test_samples": 400,
    "subset_fraction": 0.7,
    "min_samples": 11,
    "votes": 3,
    "standardise": False,
    "noise_groups": 8,
    "clip": False,
    "confidence": 0.9,
    "descent": None,
    "overshoot": 6.0,
    "peak": "mean_rate",
    "fallback": "reached",
    "non_finite": "ignore",
    "skips": 0,
    "back_steps": 5,
    "slowdown": 2,
    "rescue": None,
    "peak_factor": 0.5,
    "scout": False,
    "scout_fraction": 0.1,
    "scout_min_steps": 13,
    "scout_below": 50,
    "scout_growth": 1e4,
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_makes_another_run(name):
    plain, other = autowu.AutoWU(1000), autowu.AutoWU(1000, **{name: OPTIONS[name]})
    assert plain.digest() != other.digest()


@pytest.mark.parametrize(
    "one, other",
    [
        (dict(interval=7), dict(interval=1.2)),
        (dict(patience=3), dict(patience=1.5)),
        (dict(slowdown=None), dict(slowdown=4.0)),
        (dict(decay="constant_sqrt"), dict(decay="constant_sqrt", decay_fraction=0.3)),
        (dict(decay="constant_cosine"), dict(decay="constant_sqrt")),
        (dict(interval=7, patience=3), dict(interval=7, patience=3, curve="linear")),
        (dict(can_restore=False, guard=False), dict(can_restore=False)),
        (dict(preset="micro"), dict()),
        (dict(preset="paper", steps_per_epoch=20), dict(preset="paper", steps_per_epoch=10)),
        (dict(preset="paper", steps_per_epoch=20), dict(preset="paper", steps_per_epoch=20, seed=1)),
    ],
)
def test_variants_are_other_runs(one, other):
    assert autowu.AutoWU(1000, **one).digest() != autowu.AutoWU(1000, **other).digest()


def test_the_stubs_know_every_option():
    stubs = os.path.join(os.path.dirname(autowu.__file__), "_core.pyi")
    text = open(stubs).read()
    for name in [*OPTIONS, "preset", "steps_per_epoch", "decay_fraction", "curve", "guard"]:
        assert f" {name}: " in text, name
    for kind in (autowu.AutoWU, autowu.Outcome):
        for name in vars(kind):
            assert name.startswith("_") or f"def {name}(" in text, name


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (dict(total_steps=0), ValueError, "total_steps is 0: it must be at least 1"),
        (dict(total_steps=-3), ValueError, "total_steps is -3"),
        (dict(total_steps=2**64), ValueError, "whole number"),
        (dict(total_steps=1.5), TypeError, "whole number"),
        (dict(total_steps=True), TypeError, "whole number"),
        (dict(votes=99), ValueError, "votes is 99: it must lie in 1..=9; the paper uses 5"),
        (dict(max_lr=1e-9), ValueError, "above min_lr"),
        (dict(max_lr=math.nan), ValueError, "max_lr is NaN"),
        (dict(min_lr="a"), TypeError, "min_lr is 'a': it must be a number"),
        (dict(clip=1), TypeError, "True or False"),
        (dict(test_samples=5000), ValueError, "1024"),
        (dict(decay="step"), ValueError, '"linear"'),
        (dict(decay_fraction=0.5), ValueError, "constant_cosine"),
        (dict(decay="constant_sqrt", decay_fraction=0), ValueError, "(0, 1]"),
        (dict(preset="paper"), ValueError, "steps_per_epoch"),
        (dict(steps_per_epoch=10), ValueError, "interval"),
        (dict(preset="best"), ValueError, '"default", "paper", "micro"'),
        (dict(can_restore=False, rescue=3), ValueError, "copy"),
        (dict(guard=True), ValueError, "rescue=None"),
        (dict(scout_below=3.0), ValueError, "scout=True"),
        (dict(peak_factor=0), ValueError, "peak_factor"),
        (dict(non_finite="ignore", back_steps=3), ValueError, "end_climb"),
        (dict(curve="linear"), ValueError, "in steps"),
        (dict(warmup=100), TypeError, "no option warmup"),
    ],
)
def test_bad_arguments_are_refused_in_words(arguments, error, words):
    with pytest.raises(error) as refused:
        autowu.AutoWU(**{"total_steps": 100, **arguments})
    assert words in str(refused.value)


def test_a_saved_run_goes_on_bit_for_bit():
    for cut in [0, 1, 40, 119, 120, 121, 160, 250, 299, 300]:
        s = autowu.AutoWU(300, seed=3)
        played(s, cut)
        state = s.state_dict()
        future, end = played(s, 320 - cut), s.digest()
        for saved in (state, json.loads(json.dumps(state)), pickle.loads(pickle.dumps(state))):
            other = autowu.AutoWU(7)
            other.load_state_dict(saved)
            assert other.state_dict() == state
            assert played(other, 320 - cut) == future and other.digest() == end


def test_a_run_can_be_copied_and_pickled():
    s = autowu.AutoWU(300)
    played(s, 150)
    for other in (copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        assert other.digest() == s.digest()
        other.step(1.0)
        assert other.digest() != s.digest()


def plain(value):
    """Whether the value is of Python's own kinds only."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or type(value) in (bool, int, float, str)


def places(value, path=()):
    """The path of every entry."""
    if not isinstance(value, (dict, list)):
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        yield from places(part, (*path, key))


@pytest.mark.parametrize("steps", [0, 100, 250])
def test_a_damaged_state_is_refused_and_changes_nothing(steps):
    s = autowu.AutoWU(300)
    played(s, steps)
    state = s.state_dict()
    assert plain(state)
    mine = autowu.AutoWU(77)
    mine.step(1.0)
    before, refused = mine.digest(), 0
    for path in places(state):
        for damage in ("remove", None, {}, "nonsense", -1):
            damaged = copy.deepcopy(state)
            *way, last = path
            target = damaged
            for key in way:
                target = target[key]
            if damage == "remove":
                del target[last]
            else:
                target[last] = damage
            try:
                mine.load_state_dict(damaged)
            except ValueError as why:
                refused += 1
                assert str(why)
                assert mine.digest() == before
            else:  # a value that another run can have
                mine = autowu.AutoWU(77)
                mine.step(1.0)
    assert refused > 3 * len(state)
    for damaged in (None, 3, [], {}, {"version": 1}, "state"):
        with pytest.raises(ValueError):
            mine.load_state_dict(damaged)
    assert mine.digest() == before


def test_losses_that_are_not_finite_are_evidence_and_no_error():
    for loss in (math.nan, math.inf, -math.inf):
        s = autowu.AutoWU(100)
        for step in range(100):
            s.step(loss if step % 10 == 5 else 1.0)
        assert s.steps == 100 and math.isfinite(s.lr)


def test_a_bad_batch_is_skipped_and_the_third_in_a_row_goes_back():
    s = autowu.AutoWU(100)
    s.step(1.0)
    outcomes = [s.step(math.nan) for _ in range(3)]
    assert [r.event for r in outcomes] == ["skip", "skip", "restore"]
    assert all(r.skips_update for r in outcomes) and not s.step(1.0).skips_update
    blind = autowu.AutoWU(100, can_restore=False, skips=0)
    blind.step(1.0)
    r = blind.step(math.nan)
    assert (r.event, r.skips_update) == ("decay", True)


def test_a_loss_must_be_a_number():
    s = autowu.AutoWU(100)
    with pytest.raises(TypeError):
        s.step("1.0")
    assert s.steps == 0


def test_skip_counts_no_step():
    s = autowu.AutoWU(100)
    lr = s.lr
    s.skip()
    assert (s.steps, s.skipped, s.lr) == (0, 1, lr)


def test_extend_gives_more_steps_and_refuses_fewer():
    s = autowu.AutoWU(100)
    played(s, 100)
    assert s.lr == 0.0
    s.extend(200)
    assert s.total_steps == 200 and s.lr > 0
    with pytest.raises(ValueError, match="at least 200"):
        s.extend(150)
    assert s.total_steps == 200


def test_waiting_losses_change_nothing():
    one, late, waiting, reads = autowu.AutoWU(600), autowu.AutoWU(600), [], 0
    window = late.window()
    for step in range(600):
        lr = late.lr_ahead(len(waiting))
        assert lr == one.lr
        outcome = one.step(noisy(step, lr))
        waiting.append(noisy(step, lr))
        if len(waiting) == window:
            last = late.step_all(waiting)
            assert (last.lr, last.event, last.report) == (outcome.lr, outcome.event, outcome.report)
            waiting, window, reads = [], late.window(), reads + 1
            assert late.digest() == one.digest()
        else:
            assert outcome.event is None
    assert reads < 300


def test_a_test_reports_what_it_saw():
    s = autowu.AutoWU(1000)
    reports = [(r.probability, r.report) for r in (s.step(noisy(i, s.lr)) for i in range(400))]
    seen = [(p, report) for p, report in reports if p is not None]
    assert len(seen) > 30 and len(seen) <= s.tests
    for p, report in seen:
        assert p == sorted(vote["probability"] for vote in report["votes"])[2]
        assert 0 <= p <= 1


def test_a_panic_is_an_exception_that_can_be_caught():
    with pytest.raises(RuntimeError, match="asked for by a test"):
        autowu._core._panic()


def test_other_threads_run_while_a_test_is_computed():
    """The other thread can only count where this one lets go: it is not switched by time."""
    s, count, stop = autowu.AutoWU(10_000, interval=1, min_steps=2000), 0, False

    def spin():
        nonlocal count
        while not stop:
            count += 1
            time.sleep(0)

    switch = sys.getswitchinterval()
    thread = threading.Thread(target=spin)
    try:
        for step in range(300):
            s.step(noisy(step))
        sys.setswitchinterval(100)
        thread.start()
        before = count
        for step in range(300, 400):
            s.step(noisy(step))
        counted = count - before
    finally:
        stop = True
        sys.setswitchinterval(switch)
        thread.join()
    assert counted > 10


def test_threads_that_share_a_run_lose_no_step():
    s = autowu.AutoWU(10_000)

    def some():
        for step in range(300):
            s.step(noisy(step))
            assert s.lr > 0 and s.digest() >= 0

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert s.steps == 8 * 300


@pytest.mark.skipif("AUTOWU_REPLAY" not in os.environ, reason="AUTOWU_REPLAY names no program")
def test_python_and_the_stream_of_rust_decide_the_same():
    """`replay --stream` answers each loss with the next learning rate and a word."""
    for options, flags in [({}, []), ({"can_restore": False, "seed": 4}, ["--no-restore", "--seed=4"])]:
        s, losses, answers = autowu.AutoWU(600, **options), [], [None]
        for _ in range(600):
            loss = noisy(s.steps, s.lr)
            r = s.step(loss)
            losses.append(repr(loss))
            answers.append((r.lr, r.event))
        said = subprocess.run(
            [os.environ["AUTOWU_REPLAY"], "--stream", "--total-steps=600", *flags],
            input="\n".join(losses), capture_output=True, text=True, check=True,
        ).stdout.splitlines()
        assert float(said[0]) == autowu.AutoWU(600, **options).lr
        for line, answer in zip(said[1:], answers[1:]):
            lr, *word = line.split()
            assert (float(lr), *word) == tuple(part for part in answer if part is not None)
