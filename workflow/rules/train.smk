"""Images -> trained networks, one job per entry of `trainings`."""


rule train:
    """Train one network. The checkpoint is no output: it must outlive a killed job."""
    input:
        needed,
    output:
        TrainingRun.patterns(),
    log:
        TrainingRun.log(),
    threads: 2
    params:
        # With more than one GPU (gres, gpu or gpus in the profile) a process for each.
        **(
            COMMAND
            | {"lcinfer": lambda wildcards, resources: launch.lcinfer(resources)}
        ),
    message:
        "Network {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage train {params.config:q} {wildcards.name} --threads {threads} 2>&1 | tee {log:q}"
