"""Verbs for databases that travel: ``attach``, ``move``, ``subset``, ``merge``, ``adopt``."""

import argparse
from argparse import Namespace
from pathlib import Path

from ..base.counting import counted
from ..base.errors import UserError, no_such_file
from ..products.databases import LightCones
from .arguments import CONFIG, DATABASE, READERS, choose, count, folder, planned, run_of, shared
from .verbs import Verbs


def _attach(options: Namespace) -> None:
    """Use databases that lie elsewhere, on another disk or read-only: link to them."""
    from ..travel import place

    cones = planned(options).lightcones
    where = options.database_at
    if options.database is not None:
        chosen = [choose(cones, options.database, "database")]
    elif options.new:
        chosen = list(cones.values())
    else:
        chosen = [each for label, each in cones.items() if (where / label).is_dir()]
    if not where.exists() and not options.new:
        raise no_such_file(where)
    if not chosen:
        raise UserError(
            f"{where}: it holds none of {', '.join(cones)}: name the one that it is itself"
        )
    for each in chosen:
        if options.new:
            print(f"{each.directory} will be made in {place.begin(each, where).place}")
        else:
            there = place.attach(each, where)
            print(f"{each.directory} is in {there.place}: {place.check_whole(there)} light-cones")


def _move(options: Namespace) -> None:
    """Copy a database elsewhere, verify the copy, and link to it."""
    from ..travel import place

    there, old = place.move(_named(options), options.to, options.threads)
    print(f"{there.name} is in {there.place}; every light-cone holds")
    print(f"the old one stays in {old}, and nothing reads it there")


def _subset(options: Namespace) -> None:
    """Make a database of some light-cones of another one, which is only read."""
    from ..travel import subset

    cones = _named(options)
    if options.indices is None:
        indices = list(range(options.realizations))
    else:
        indices = sorted({index for span in options.indices for index in range(*span)})
    made = subset.subset(cones, indices, options.to, options.link, options.threads)
    print(f"{made.place}: {counted(len(indices), 'light-cone')} of {cones.directory}")
    _verified([made], options.threads)


def _merge(options: Namespace) -> None:
    """Bring light-cones that were made elsewhere into a database; every digest is checked."""
    from ..travel import merge

    into = _named(options)
    found = merge.merge(into, options.parts, options.threads)
    print(*found, sep="\n")
    _verified([into], options.threads)
    if any(part.damaged for part in found):
        raise SystemExit(1)


def _adopt(options: Namespace) -> None:
    """Make a database of light-cones in files that py21cmfast left."""
    from ..travel import adopt

    config = planned(options).config
    cones = adopt.adopt(config, options.files, options.results, options.differing, options.skip_bad)
    _verified([cones], 1)
    adopted = cones.design.content["adopted"]
    if config.database.adopted is None or config.database.realizations != cones.realizations:
        print(f"now write into {options.config}, under database:")
        print(f"  adopted: {adopted}\n  realizations: {cones.realizations}")


def _named(options: Namespace) -> LightCones:
    return choose(run_of(options).lightcones, options.database, "database")


def _verified(made: list[LightCones], threads: int) -> None:
    """Read what was written, every light-cone once."""
    from ..upkeep.verify import verify

    reports = [verify(cones, threads) for cones in made]
    print(*reports, sep="\n")
    if any(report.findings for report in reports):
        raise SystemExit(1)


def _spans(text: str) -> list[tuple[int, int]]:
    """``0-100,250`` -> [(0, 100), (250, 251)]."""
    spans = []
    for part in text.split(","):
        start, dash, stop = part.partition("-")
        try:
            spans.append((int(start), int(stop) if dash else int(start) + 1))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not START-STOP") from None
        if not 0 <= spans[-1][0] < spans[-1][1]:
            raise argparse.ArgumentTypeError(f"{part}: START must be below STOP")
    return spans


def add_verbs(verbs: Verbs) -> None:
    """Add them to the command line."""
    root = shared()
    root.add_argument(
        "--to", type=folder, required=True, metavar="ROOT", help="where its directory will lie"
    )
    added = verbs.add(_attach, "config/demo.yaml demo --database /archive/lightcones", CONFIG)
    added.add_argument(
        "database", nargs="?", metavar="NAME", help="the database, or a mock; default: all there"
    )
    added.add_argument(
        "--database",
        dest="database_at",
        type=folder,
        required=True,
        metavar="PATH",
        help="its directory, or a root with such directories",
    )
    added.add_argument("--new", action="store_true", help="it is yet to be made, in this root")
    verbs.add(_move, "config/demo.yaml demo --to /archive/lightcones", DATABASE, READERS, root)
    added = verbs.add(
        _subset,
        "config/demo.yaml demo --realizations 32 --to /scratch/lightcones",
        DATABASE,
        READERS,
        root,
    )
    which = added.add_mutually_exclusive_group(required=True)
    which.add_argument("--realizations", type=count, metavar="N", help="the first N")
    which.add_argument("--indices", type=_spans, metavar="START-STOP,...", help="these")
    added.add_argument("--link", action="store_true", help="hard links, not copies, of the data")
    added = verbs.add(_merge, "config/demo.yaml demo /elsewhere/lightcones", DATABASE, READERS)
    added.add_argument(
        "parts", nargs="+", type=folder, metavar="PART", help="its directory, or a root with it"
    )
    added = verbs.add(_adopt, "config/demo.yaml one.h5 other.h5", CONFIG)
    added.add_argument(
        "--differing",
        action="append",
        default=[],
        metavar="INPUT",
        help="let files differ in this input, as N_THREADS or version; the database says so",
    )
    added.add_argument(
        "--skip-bad", action="store_true", help="leave out files that cannot be adopted"
    )
    added.add_argument("files", nargs="+", type=Path, metavar="FILE", help="one light-cone each")
