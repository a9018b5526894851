"""Everything -> what the run says: the paper's tables beside the paper's numbers, its manifest."""


localrules:
    summarise,


rule summarise:
    """Tables 1 and 2, the paper's claims, R2 of every training, and where all that they rest on lies."""
    input:
        ancient([evaluation.scores for evaluation in RUN.evaluations.values()]),
    output:
        report(
            RUN.summary.table,
            category="Tables",
            caption="../report/r2.rst",
            labels={"table": "R2, every seed"},
        ),
        report(
            RUN.summary.paper_table("table1", "csv"),
            category="Tables",
            caption="../report/table1.rst",
            labels={"table": "1: architecture"},
        ),
        report(
            RUN.summary.paper_table("table2", "csv"),
            category="Tables",
            caption="../report/table2.rst",
            labels={"table": "2: R2"},
        ),
        report(
            RUN.summary.paper_table("claims", "csv"),
            category="Tables",
            caption="../report/claims.rst",
            labels={"table": "the paper's claims"},
        ),
        [path for path in RUN.summary.paper_tables if path.suffix != ".csv"],
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
        "Tables and manifest of the run: {params.why}"
    shell:
        "{params.lcinfer} summary {params.config} >{log} 2>&1"
