"""What the configuration makes, for all rules."""

import re
import sys

import lcinfer.config
from lcinfer.cli.arguments import (
    ask_engine,
    check_engine,
    check_places,
    check_settings,
)
from lcinfer.engines import engine_of
from lcinfer.training import launch
from lcinfer.changes.reasons import Reasons
from lcinfer.base.errors import UserError
from lcinfer.products.databases import ImageSet, LightCones, SpectraSet
from lcinfer.products.mcmc import McmcRun
from lcinfer.products.networks import EvaluationRun, SweepRun, TrainingRun
from lcinfer.products.product import BLOCK, PREPARED, SEALED
from lcinfer.products.run import Run
from lcinfer.products.shown import DRAWN, POSTERIORS, FigureSet


def resolved() -> Run:
    """All that the configuration makes, or one line on what is wrong with it."""
    try:
        if len(workflow.configfiles) > 1:
            raise UserError("give one --configfile: it is the record of the run")
        settings = lcinfer.config.load(workflow.configfiles[0])
        if lcinfer.config.parse(config) != settings:
            raise UserError(
                "--config cannot override the configuration file: edit the file"
            )
        run = Run(settings)
        check_settings(run, workflow.configfiles[0])
        check_engine(run)
        check_places(run)
        return run
    except UserError as error:
        sys.exit(f"lcinfer: {error}")


def other_engine() -> str:
    """Why this engine may not simulate what the configuration asks for; empty if it may."""
    try:
        ask_engine(RUN, CONFIG)
    except UserError as error:
        return f"lcinfer: {error}"
    return ""


def no_gpu() -> str:
    """Why simulations here would find no GPU, if the profile gives them one; empty otherwise."""
    if not (workflow.local_exec and RUN.simulates):
        return ""
    given = workflow.get_rule("simulate").resources
    device = launch.device(
        {name: given[name].raw for name in launch.GPUS if name in given}
    )
    why = engine_of(RUN.config.database).lacks(device)
    return why and f"lcinfer: the profile gives `simulate` a GPU: {why}"


def not_approved() -> str:
    """Why the light-cones that are left may not be begun; empty if they may."""
    from lcinfer.planning import approval  # reads journals, which no single job need do

    try:
        approval.require(RUN, CONFIG)
    except UserError as error:
        return f"lcinfer: {error}"
    return ""


def warn():
    """Say what is allowed and likely not meant."""
    for warning in RUN.config.warnings:
        print(f"lcinfer: {warning}", file=sys.stderr)


def everything(wildcards):
    """All that a run is for. A dry run, which starts nothing, is told here what would stop it."""
    # Only now: while it reads the rules, Snakemake does not know yet what kind of run this is.
    if workflow.dryrun:
        warn()
    if workflow.dryrun and (reason := not_approved()):
        print(reason, file=sys.stderr)
    return [RUN.summary.manifest, *RUN.figure_files]


CONFIG = workflow.configfiles[0]
RUN = resolved()
REASONS = Reasons(RUN)


def of(wildcards):
    """What a rule makes, by the name of its directory."""
    return RUN.by_directory[wildcards.name]


def needed(wildcards):
    """What a product is made from.

    And what is made before it, while it is not there: it would else be made again for each of these.
    """
    made = of(wildcards)
    before = [] if made.finished else made.after
    return ancient([*made.needed, *(it for each in before for it in each.markers)])


def needed_to_prepare(wildcards):
    """The stores of what a store is made from."""
    return ancient([source.prepared for source in of(wildcards).sources])


def needed_by_block(wildcards):
    """What a block is made from; nothing when it is there.

    The store's marker has the number of realisations in its name: a database that grows would
    otherwise ask for the new one on behalf of every block that is done.
    """
    span = int(wildcards.start), int(wildcards.stop)
    made = of(wildcards)
    if made.done(span).exists():
        return []
    return ancient([made.prepared, *(source.done(span) for source in made.sources)])


def needed_to_seal(wildcards):
    """All blocks of a product, and what it is made from."""
    made = of(wildcards)
    return ancient([*made.needed, *map(made.done, made.spans)])


def why(wildcards):
    """What of a product is missing, as `snakemake -n` tells it."""
    return REASONS.why(of(wildcards))


def block_and_why(wildcards):
    """The same of a block of light-cones, or of their images."""
    span = int(wildcards.start), int(wildcards.stop)
    return REASONS.block(of(wildcards), span)


def plots(*made_from):
    """Paths of the figures of what is made from these, in every configured format."""
    return files_of(figure for each in made_from for figure in DRAWN[each])


def files_of(figures):
    """Paths of figures in every configured format."""
    files = [
        f"{figure}.{it}" for figure in figures for it in RUN.config.figures.formats
    ]
    return FigureSet.patterns(*files)


def drawn_from(what):
    """Directories of figures that are made from this, as a wildcard's pattern."""
    names = [it.directory.name for it in RUN.figures.values() if what in it.identity]
    return "|".join(map(re.escape, names)) or r"(?!)"


# What every command begins with, and why it is run.
COMMAND = {"lcinfer": launch.lcinfer(), "config": CONFIG, "why": why}
