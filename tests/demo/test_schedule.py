"""A training ends, saves and slows down by steps or by the clock."""

import pytest
import torch

from imap_fast.demo.fit import fit
from imap_fast.demo.schedule import Clock, Steps, Window
from imap_fast.demo.timed import parts


class Time:
    """A clock of seconds that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def clock(tmp_path, time):
    return Clock(tmp_path / "clock.json", time)


def train(folder, time, window, seconds_per_step=1.0):
    """Train one weight in a window. Returns the learning rates of its steps, and the seconds of its checkpoints."""
    line, rates, saved = torch.nn.Linear(1, 1), [], []

    def loss_at(step):
        rates.append(window.decay(step))
        time.now += seconds_per_step
        return line.weight.square().sum()

    def on_save(log):
        saved.append(round(window.clock.seconds()))
        window.clock.save()

    fit(
        {"line": line},
        loss_at,
        schedule=window,
        rates={"line": 0.1},
        checkpoint=folder / "line.safetensors",
        on_save=on_save,
    )
    return rates, saved


def test_rates_end_where_the_time_ends(tmp_path, time, clock):
    rates, _ = train(tmp_path, time, Window(clock, 0.0, 300.0))
    assert len(rates) == 300
    assert rates[0] == 1.0
    assert rates[150] == pytest.approx(0.5)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 1e-4


def test_a_slow_training_has_fewer_steps_and_the_same_end(tmp_path, time, clock):
    rates, _ = train(tmp_path, time, Window(clock, 0.0, 300.0), seconds_per_step=70.0)
    assert len(rates) == 5
    assert rates[-1] == pytest.approx(Steps(300, 1).decay(280))


def test_it_saves_every_minute_and_at_the_end(tmp_path, time, clock):
    _, saved = train(tmp_path, time, Window(clock, 0.0, 150.0))
    assert saved == [60, 120, 150]


def test_a_stopped_training_goes_on_with_the_time_that_is_left(tmp_path, time, clock):
    train(tmp_path, time, Window(clock, 0.0, 60.0))
    time.now += 3600.0
    resumed = Window(Clock(tmp_path / "clock.json", time), 0.0, 150.0)
    assert resumed.clock.seconds() == pytest.approx(60.0)
    rates, saved = train(tmp_path, time, resumed)
    assert len(rates) == 90
    assert rates[0] == pytest.approx(Steps(150, 1).decay(60))
    assert saved == [120, 150]


def test_a_part_whose_time_is_over_makes_one_step(tmp_path, time, clock):
    time.now += 500.0
    rates, saved = train(tmp_path, time, Window(clock, 0.0, 300.0))
    assert rates == [0.0]
    assert saved == [501]
    rates, _ = train(tmp_path, time, Window(clock, 0.0, 300.0))
    assert rates == [], "it was done"


def test_the_parts_of_a_training_take_all_of_its_minutes(clock):
    of = parts(clock, 7.0)
    assert of.vae.begin == 0.0
    assert of.validation.end == 420.0
    assert [part.end for part in of[:-1]] == [part.begin for part in of[1:]]
    assert all(part.begin < part.end for part in of)


def test_steps_end_and_save_by_their_number():
    schedule = Steps(10, save_every=4)
    assert [done for done in range(13) if schedule.is_over(done)] == [10, 11, 12]
    assert [done for done in range(1, 11) if schedule.is_save_due(done)] == [4, 8]
    assert [schedule.decay(step) for step in (0, 5)] == [1.0, pytest.approx(0.5)]
