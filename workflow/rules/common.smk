"""What the configuration makes, for all rules."""

import sys

import lcinfer.config
from lcinfer.arguments import check_places
from lcinfer.errors import UserError
from lcinfer.products import Run


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
        lcinfer.config.check_engine(settings.database.simulator)
        run = Run(settings)
        check_places(run)
        return run
    except UserError as error:
        sys.exit(f"lcinfer: {error}")


CONFIG = workflow.configfiles[0]
RUN = resolved()
LCINFER = f"{sys.executable} -m lcinfer"


def of(wildcards):
    """What a rule makes, by the name of its directory."""
    return RUN.by_directory[wildcards.name]


def of_block(wildcards, *needed):
    """What a block is made from; nothing when it is there.

    The store's marker has the number of realisations in its name: a database that grows would
    otherwise ask for the new one on behalf of every block that is done.
    """
    span = int(wildcards.start), int(wildcards.stop)
    made = of(wildcards)
    if made.done(span).exists():
        return []
    return ancient([made.prepared, *(product.done(span) for product in needed)])
