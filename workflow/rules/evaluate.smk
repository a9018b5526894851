"""Trained networks -> predictions of the test light-cones and of the mocks, and R2."""


rule evaluate:
    """Score one trained network."""
    input:
        trained=lambda wildcards: ancient(of(wildcards).training.trained),
        mocks=lambda wildcards: ancient([mock.sealed for mock in of(wildcards).mocks]),
    output:
        scores="results/evaluations/{name}/scores.json",
        predictions="results/evaluations/{name}/predictions.csv",
    log:
        "results/logs/evaluations/{name}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Predictions and R2 of {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage evaluate {params.config:q} {wildcards.name} --threads {threads} >{log:q} 2>&1"
