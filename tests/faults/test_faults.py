"""Simulations that fail: the same bytes in the end, and no finished work done again."""

from collections import Counter

import pytest
from support.ranks import attempts
from support.victims import check_the_rest, ended

from lcinfer.lightcones import journal


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("raises", "RuntimeError: no such universe"),
        ("returns_nan", "voxels are NaN"),
        ("returns_constant", "every voxel is 0 mK"),
        ("exits", "exit status 3"),
        ("segfaults", "signal SIGSEGV"),
        ("sleeps", "longer than the limit of 3 s"),
    ],
)
def test_a_fault_costs_one_attempt_of_one_light_cone(campaign, expected, fault, error):
    limit = {"limit_minutes": 0.05} if fault == "sleeps" else {}
    cones, job = campaign(f"{fault}_once", database=limit)
    said = ended(job)
    assert job.returncode == 1
    assert error in said
    assert len(journal.finished(cones.journal)) == cones.realizations - 1
    assert len(journal.failures(cones.journal)) == 1
    check_the_rest(cones, lambda: campaign(f"{fault}_once", database=limit), expected, failed=1)


def test_a_light_cone_that_always_fails_is_set_aside_across_jobs(campaign):
    limited = {"max_attempts": 2}
    for _ in range(2):
        cones, job = campaign("raises_for_odd_seeds", database=limited)
        ended(job)
    odd = [index for index, seed in enumerate(cones.design.seeds(0, 12)) if seed % 2]
    tried = Counter(attempts(cones))
    assert tried == Counter({index: 2 if index in odd else 1 for index in range(12)})
    _, job = campaign("raises_for_odd_seeds", database=limited)
    said = ended(job)
    assert job.returncode == 1
    assert f"set aside after 2 attempts: {', '.join(map(str, odd))}" in said
    assert Counter(attempts(cones)) == tried  # nothing was tried a third time
