"""Verbs after an edit, what it causes and what nothing points to: ``diff``, ``gc``."""

from argparse import Namespace
from pathlib import Path

from .. import config
from ..products.run import Run
from .arguments import CONFIG, JSON, RESULTS, as_json
from .verbs import Verbs


def _diff(options: Namespace) -> None:
    """Say what an edit of a configuration would cause and cost, before it is made; of one
    configuration alone, what is left to do."""
    from ..changes.diff import compare

    # Not arguments.run_of: the version of 21cmfast may be what the edit is about.
    paths = [options.config] + [options.other] * (options.other is not None)
    *old, new = (Run(config.load(path), options.results) for path in paths)
    difference = compare(old[0] if old else None, new)
    print(as_json(difference) if options.json else difference)


def _gc(options: Namespace) -> None:
    """List what none of these configurations points to, with sizes; remove it when told to."""
    from ..changes import unused

    runs = [Run(config.load(path), options.results) for path in options.configs]
    found = unused.find(runs, options.results)
    print(as_json(found) if options.json else found)
    if options.delete:
        for line in unused.remove(found, options.lightcones):
            print(line)


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    added = verbs.add(_diff, "config/demo.yaml config/config.yaml", CONFIG, JSON)
    added.add_argument(
        "other", nargs="?", type=Path, metavar="EDITED", help="the edited configuration file"
    )
    added = verbs.add(_gc, "config/demo.yaml config/config.yaml", RESULTS)
    added.add_argument(
        "configs", type=Path, nargs="+", metavar="CONFIG", help="every configuration to keep"
    )
    added.add_argument(
        "--lightcones", action="store_true", help="with --delete: databases too, and quarantines"
    )
    how = added.add_mutually_exclusive_group()
    how.add_argument("--delete", action="store_true", help="remove it, but what was simulated")
    how.add_argument("--json", action="store_true", help="for programs; removes nothing")
