"""Images -> trained networks, one job per entry of `trainings`."""


rule train:
    """Train one network. The checkpoint is no output: it must outlive a killed job."""
    input:
        lambda wildcards: ancient(of(wildcards).images.sealed),
    output:
        "results/trainings/{name}/trained.json",
    log:
        "results/logs/trainings/{name}.log",
    threads: 2
    shell:
        "{LCINFER} train {CONFIG} {wildcards.name} --threads {threads} 2>&1 | tee {log}"
