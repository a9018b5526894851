"""Who is at work on a block, for one look from outside; and that a training has one writer."""

import json
import platform
import subprocess
import sys
import time

import pytest

from lcinfer import config
from lcinfer.base import lease as module
from lcinfer.base.errors import UserError
from lcinfer.base.lease import Lease, holders
from lcinfer.products.run import Run
from lcinfer.stages import train as stage
from lcinfer.stages.train import train_network


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


def test_a_training_is_held_by_one_world_and_given_back(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    path = tmp_path / "lease.json"
    with Lease(path, what="training").held():
        with (
            pytest.raises(UserError, match="is at work on this training"),
            Lease(path, what="training").held(),
        ):
            raise AssertionError("two hold it")
        assert path.exists(), "what was refused took nothing away"
    assert not path.exists()
    with Lease(path, what="training").held():
        pass


def test_a_lease_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path) -> None:
    path = tmp_path / "lease.json"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps({"host": platform.node(), "process": gone.pid}))
    began = time.monotonic()
    with Lease(path, what="training").held():
        assert time.monotonic() - began < 2


def test_a_second_world_of_processes_is_refused_before_it_reads_or_writes(
    settings, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(stage, "_train", lambda *_: pytest.fail("both train"))
    run = Run(config.parse(settings), tmp_path).trainings["all_images"]
    with (
        Lease(run.directory / "lease.json", what="training").held(),
        pytest.raises(UserError, match="is at work on this training"),
    ):
        train_network(run, device="cpu")
    assert list(run.directory.iterdir()) == []
