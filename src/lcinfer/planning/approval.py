"""Large campaigns begin with a recorded approval, so that nobody begins one by accident.

A record covers the database and the mocks of a run, by their fingerprints, up to the number of
realisations that was approved, and what they were predicted to cost. It stands in the
database's directory; records are added, never changed.
"""

import getpass
import json
import platform
import shlex
import time
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.errors import UserError
from ..products.databases import LightCones
from ..products.run import Run
from .plan import Plan, number, plan, size

DIRECTORY = "approvals"
# A prediction that grows by more, as light-cones turn out slower, needs another approval.
ALLOWANCE = 1.5


def require(run: Run, config: Path | str) -> None:
    """Let only a campaign begin, or a database grow, that is small or approved.

    It simulates nothing: what is known neither from journals nor from small light-cones that were
    timed is taken from the documentation's scaling.

    Raises:
        UserError: naming cost, limit and the command that approves.
    """
    left = plan(run)
    if left.above_limit and approval(run, left) is None:
        command = shlex.join(["lcinfer", "plan", str(config)])
        raise UserError(
            f"{left.name}: about {number(left.core_hours)} core-hours and {size(left.bytes)} are "
            f"left to be made, above the limit of "
            f"{number(left.limit.core_hours)} core-hours and {number(left.limit.gigabytes)} GB "
            f"(database.approval_above): see `{command}`, then approve it, once, "
            f"by `{command} --approve`"
        )


def approve(run: Run, left: Plan) -> Path:
    """Record that what is left of a run may be simulated, by whom, and what it should cost."""
    now = time.time()
    record = {
        "light_cones": {_name(cones): cones.realizations for cones in run.lightcones.values()},
        "core_hours": left.core_hours,
        "bytes": left.bytes,
        "known_from": left.cost.source,
        "by": getpass.getuser(),
        "host": platform.node(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
    }
    path = run.database.directory / DIRECTORY / f"{time.time_ns()}.json"
    durable.write_json(path, record)
    return path


def approval(run: Run, left: Plan) -> dict[str, Any] | None:
    """The record that covers what is left of a run, the newest of several.

    Raises:
        UserError: if a record is damaged.
    """
    paths = durable.own((run.database.directory / DIRECTORY).glob("*.json"))
    return next((it for it in map(_read, reversed(paths)) if _covers(it, run, left)), None)


def _covers(record: dict[str, Any], run: Run, left: Plan) -> bool:
    approved = record["light_cones"]
    return (
        left.core_hours <= ALLOWANCE * record["core_hours"]
        and left.bytes <= ALLOWANCE * record["bytes"]
        and all(
            cones.realizations <= approved.get(_name(cones), 0) for cones in run.lightcones.values()
        )
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record["light_cones"], dict):
            sizes = {key: float(record[key]) for key in ("core_hours", "bytes")}
            return {**record, **sizes}
    except (ValueError, TypeError, KeyError):
        pass
    raise UserError(f"{path} is damaged: move it aside, and approve again") from None


def _name(cones: LightCones) -> str:
    """The whole fingerprint: a path shows its first digits alone."""
    return f"{cones.name}-{cones.fingerprint}"


def described(run: Run, left: Plan) -> str:
    """Whether a plan needs an approval and has one."""
    if not left.above_limit:
        return "not needed"
    record = approval(run, left)
    if record is None:
        return (
            f"needed: above {number(left.limit.core_hours)} core-hours or "
            f"{number(left.limit.gigabytes)} GB; `--approve` records it"
        )
    return f"by {record.get('by')} on {record.get('host')}, {record.get('at')}"
