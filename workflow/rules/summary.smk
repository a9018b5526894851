"""Everything -> what the run says: its table of R2 and its manifest."""


localrules:
    summarise,


rule summarise:
    """The table of R2, and where all that it rests on lies."""
    input:
        ancient([evaluation.scores for evaluation in RUN.evaluations.values()]),
    output:
        report(
            RUN.summary.table,
            category="Scores",
            caption="../report/r2.rst",
            labels={"table": "2: R2"},
        ),
        RUN.summary.manifest,
    log:
        f"results/logs/runs/{RUN.summary.directory.name}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=lambda wildcards: REASONS.why(RUN.summary),
    message:
        "Table of R2 and manifest of the run: {params.why}"
    shell:
        "{params.lcinfer} summary {params.config} >{log} 2>&1"
