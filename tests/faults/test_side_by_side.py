"""Several jobs for one database: for one block, and for several."""

import os
import signal

from support.ranks import attempts, shards, wait_until
from support.victims import ended, held_up

from lcinfer.upkeep.verify import verify


def test_a_second_job_for_a_block_is_refused_while_the_first_works(campaign, expected, gate):
    cones, first = campaign(ranks=1)
    wait_until(lambda: len(held_up(gate)) == 1)
    _, second = campaign(ranks=2)
    said = ended(second)
    assert second.returncode == 1
    assert "is at work on this block" in said
    assert "Traceback" not in said
    assert first.poll() is None
    gate.touch()
    said = ended(first)
    assert first.returncode == 0, said
    assert attempts(cones) == list(range(cones.realizations))
    assert shards(cones) == expected


def test_blocks_are_made_side_by_side_and_the_end_of_one_is_no_other_ones(campaign, expected, gate):
    cones, first = campaign(block="0-4", ranks=1)
    _, second = campaign(block="4-8", ranks=2)
    _, third = campaign(block="8-12", ranks=1)
    # The first of each block is held up: its second rank makes the others of the second block.
    wait_until(lambda: len(list(cones.leases.glob("*.json"))) == 3 and attempts(cones) == [5, 6, 7])
    os.killpg(second.pid, signal.SIGKILL)
    ended(second)
    gate.touch()
    for job in (first, third):
        said = ended(job)
        assert job.returncode == 0, said
    assert [cones.done(span).exists() for span in cones.spans] == [True, False, True]
    _, again = campaign(block="4-8", ranks=1)
    said = ended(again)
    assert again.returncode == 0, said
    assert attempts(cones) == list(range(cones.realizations))
    assert shards(cones) == expected
    assert verify(cones).findings == []
