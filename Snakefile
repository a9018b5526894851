"""lcinfer: from a configuration to light-cones, trained networks, R2 and figures.

snakemake --profile profiles/local --configfile config/demo.yaml
"""

# Naming a default here would merge it with a --configfile, key by key.
if not workflow.configfiles:

    configfile: "config/config.yaml"


# With --sdm apptainer, jobs run in this one, which envs/apptainer.def makes; else as Snakemake does.
container: "lcinfer.sif"


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


wildcard_constraints:
    name=r"[\w.]+-[0-9a-f]{10}",
    total=r"\d+",
    start=r"\d+",
    stop=r"\d+",
    given_up=r"(-after-\d+-attempts)?",


include: "workflow/rules/simulate.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/mcmc.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/report.smk"


# Before the first job, and never in a job's own Snakemake.
onstart:
    if reason := not_approved() or other_engine() or no_gpu():
        sys.exit(reason)
    warn()


localrules:
    all,


rule all:
    """Everything that the configuration asks for: `results/<run name>/` and what it points to."""
    default_target: True
    input:
        everything,
        list(shown()),
