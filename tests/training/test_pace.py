import pytest

from gan_lab.training.pace import Pace, duration


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def pace(clock):
    made = Pace(1000, lambda: clock[0])
    made.start(200)
    return made


def test_judging_is_no_part_of_the_speed_of_training_and_part_of_the_time_left(pace, clock):
    clock[0] += 4
    pace.pause()
    clock[0] += 7
    pace.resume()
    assert pace.rate(600) == pytest.approx(100)
    assert (pace.training_left(600), pace.judging_left(3)) == (pytest.approx(4), 21)


def test_a_resumed_run_may_judge_before_it_trains():
    pace = Pace(1000)
    pace.pause()
    pace.resume()
    assert len(pace.judging) == 1  # SIGTERM within a validation leaves it owed


def test_the_time_left_is_never_negative_also_at_once_and_past_the_end(pace, clock):
    assert pace.training_left(1000) == 0
    assert pace.training_left(200) >= 0
    clock[0] += 1
    assert pace.training_left(1064) == 0
    assert pace.judging_left(3) == 0  # not measured yet


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (367_200, "4 d 6 h")]
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
