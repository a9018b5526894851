"""lcinfer: from a configuration to light-cones, trained networks, R2 and figures.

    snakemake --profile profiles/local --configfile config/demo.yaml
"""

import sys

import lcinfer.config
from lcinfer.errors import UserError
from lcinfer.products import Run

# Naming a default here would merge it with a --configfile, key by key.
if not workflow.configfiles:

    configfile: "config/config.yaml"


def resolved() -> Run:
    """All that the configuration makes, or one line on what is wrong with it."""
    try:
        if len(workflow.configfiles) > 1:
            raise UserError("give one --configfile: it is the record of the run")
        settings = lcinfer.config.load(workflow.configfiles[0])
        if lcinfer.config.parse(config) != settings:
            raise UserError("--config cannot override the configuration file: edit the file")
        lcinfer.config.check_engine(settings.database.simulator)
        return Run(settings)
    except UserError as error:
        sys.exit(f"lcinfer: {error}")


CONFIG = workflow.configfiles[0]
RUN = resolved()
LCINFER = f"{sys.executable} -m lcinfer"


def of(wildcards):
    """What a rule makes, by the name of its directory."""
    return RUN.by_directory[wildcards.name]


report: "workflow/report/workflow.rst"


wildcard_constraints:
    name=r"[\w.]+-[0-9a-f]{10}",
    total=r"\d+",
    start=r"\d+",
    stop=r"\d+",


include: "workflow/rules/simulate.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/summary.smk"


localrules:
    all,


rule all:
    """Everything that the configuration asks for: `results/<run name>/` and what it points to."""
    default_target: True
    input:
        RUN.summary.manifest,
        RUN.figure_files,
