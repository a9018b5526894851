"""Everything -> what the run says: the paper's tables beside the paper's numbers, its manifest."""


localrules:
    summarise,


rule summarise:
    """Tables 1 and 2, the paper's claims, R2 of every training, and where all that they rest on lies."""
    input:
        ancient(RUN.summary.needed),
    output:
        RUN.summary.outputs,
        RUN.summary.mock_tables,
    log:
        RUN.summary.log().format(name=RUN.summary.directory.name),
    params:
        **(COMMAND | {"why": lambda wildcards: REASONS.why(RUN.summary)}),
    message:
        "Tables and manifest of the run: {params.why}"
    shell:
        "{params.lcinfer} stage summary {params.config:q} >{log:q} 2>&1"
