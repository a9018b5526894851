"""Trained networks -> predictions of the test light-cones and of the mocks, and R2."""


rule evaluate:
    """Score one trained network."""
    input:
        needed,
    output:
        EvaluationRun.patterns(),
    log:
        EvaluationRun.log(),
    threads: 2
    params:
        **COMMAND,
    message:
        "Predictions and R2 of {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage evaluate {params.config:q} {wildcards.name} --threads {threads} >{log:q} 2>&1"
