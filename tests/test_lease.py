"""Who is at work on a block, for one look from outside."""

import time

from lcinfer.lease import Lease, holders


def test_a_held_lease_says_block_ranks_and_that_its_holder_lives(tmp_path) -> None:
    lease = Lease(tmp_path / "leases" / "000100-000200.json", ranks=16)
    lease.acquire()
    (holder,) = holders(tmp_path / "leases", time.time())
    assert (holder.span, holder.ranks, holder.alive) == ((100, 200), 16, True)
    assert holder.seconds < 30
    (later,) = holders(tmp_path / "leases", time.time() + 60)
    assert not later.alive
    lease.release()
    assert holders(tmp_path / "leases", time.time()) == []


def test_where_nothing_was_ever_begun_nobody_is_at_work(tmp_path) -> None:
    assert holders(tmp_path / "leases", time.time()) == []
