"""Trained or scored trials of a sweep -> their table, and a study's best trial on the test set."""


rule compare:
    """Rank a study's trials on the validation set, or gather those of a learning curve."""
    input:
        lambda wildcards: ancient(of(wildcards).needed),
        # The best trial of a study is evaluated here: not while the same is done elsewhere. A
        # sweep that is compared would else be compared again for each new training.
        lambda wildcards: (
            []
            if of(wildcards).outcome.exists()
            else ancient(
                [evaluation.scores for evaluation in RUN.evaluations.values()]
            )
        ),
        lambda wildcards: ancient([mock.sealed for mock in RUN.mock_images.values()]),
    output:
        table="results/sweeps/{name}/trials.csv",
        outcome="results/sweeps/{name}/outcome.json",
    log:
        "results/logs/sweeps/{name}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Trials of the sweep {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage compare {params.config:q} {wildcards.name} --threads {threads} >{log:q} 2>&1"
