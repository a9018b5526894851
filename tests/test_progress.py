"""What a long work says of itself, in words that a person reads."""

import pytest

from lcinfer.base.progress import Progress, rate, with_progress


@pytest.mark.parametrize(
    ("per_second", "says"),
    [
        (9747.7, "9700 per second"),
        (1.26, "1.3 per second"),
        (0.5, "30 per minute"),
        (0.004, "14 per hour"),
        (0.0001, "0.36 per hour"),
    ],
)
def test_rates_are_round_and_of_a_fitting_unit(per_second, says) -> None:
    assert rate(per_second) == says


def test_what_is_done_at_once_has_no_rate(capsys) -> None:
    assert list(with_progress(range(12), 12, "cones")) == list(range(12))
    assert capsys.readouterr().err == "cones: 12 of 12 light-cones done\n"


def test_what_failed_is_not_in_the_rate_but_in_the_time_left() -> None:
    progress = Progress("cones", 30)
    for number in range(10):
        progress.count(number < 5)
    assert progress.line(100) == (
        "cones: 5 of 30 light-cones done, 5 failed, 3 per minute, 0:03:20 left"
    )
    for _ in range(20):
        progress.count()
    assert progress.line(100).endswith(
        "25 of 30 light-cones done, 5 failed, 15 per minute, in 0:01:40"
    )
