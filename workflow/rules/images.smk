"""Light-cones -> images, a block at a time: growing a database cuts only the new ones."""


localrules:
    prepare_images,
    seal_images,


rule prepare_images:
    """Create the images' store, or grow it."""
    input:
        lambda wildcards: ancient(of(wildcards).lightcones.prepared),
    output:
        "results/images/{name}/prepared-{total}.json",
    log:
        "results/logs/images/{name}/prepare-{total}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Room for the images {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage images {params.config:q} {wildcards.name} --step prepare >{log:q} 2>&1"


rule cut_images:
    """Images of one block of light-cones."""
    input:
        lambda wildcards: of_block(wildcards, of(wildcards).lightcones),
    output:
        "results/images/{name}/blocks/{start}-{stop}{given_up}.json",
    log:
        "results/logs/images/{name}/{start}-{stop}{given_up}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=block_and_why,
    message:
        "{params.why}"
    shell:
        "{params.lcinfer} stage images {params.config:q} {wildcards.name} --step cut"
        " --block {wildcards.start}-{wildcards.stop} --threads {threads} >{log:q} 2>&1"


rule seal_images:
    """The marker that trainings depend on."""
    input:
        lightcones=lambda wildcards: ancient(of(wildcards).lightcones.sealed),
        blocks=lambda wildcards: ancient(
            [of(wildcards).done(span) for span in of(wildcards).spans]
        ),
    output:
        "results/images/{name}/sealed-{total}{given_up}.json",
    log:
        "results/logs/images/{name}/seal-{total}{given_up}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Seal of the images {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage images {params.config:q} {wildcards.name} --step seal >{log:q} 2>&1"
