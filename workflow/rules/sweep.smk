"""Trained or scored trials of a sweep -> their table, and a study's best trial on the test set."""


rule compare:
    """Rank a study's trials on the validation set, or gather those of a learning curve."""
    input:
        needed,
    output:
        SweepRun.patterns(),
    log:
        SweepRun.log(),
    threads: 2
    params:
        **COMMAND,
    message:
        "Trials of the sweep {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage compare {params.config:q} {wildcards.name} --threads {threads} >{log:q} 2>&1"
