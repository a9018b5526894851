"""Light-cones -> images, a block at a time: growing a database cuts only the new ones."""


localrules:
    prepare_images,
    seal_images,


rule prepare_images:
    """Create the images' store, or grow it."""
    input:
        needed_to_prepare,
    output:
        ImageSet.patterns(PREPARED),
    log:
        ImageSet.log("prepare-{total}"),
    params:
        **COMMAND,
        what="images",
    message:
        "Room for the {params.what} {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage {params.what} {params.config:q} {wildcards.name} --step prepare >{log:q} 2>&1"


rule cut_images:
    """Images of one block of light-cones."""
    input:
        needed_by_block,
    output:
        ImageSet.patterns(BLOCK),
    log:
        ImageSet.log("{start}-{stop}{given_up}"),
    threads: 2
    params:
        **(COMMAND | {"why": block_and_why}),
        what="images",
    message:
        "{params.why}"
    shell:
        "{params.lcinfer} stage {params.what} {params.config:q} {wildcards.name} --step cut"
        " --block {wildcards.start}-{wildcards.stop} --threads {threads} >{log:q} 2>&1"


rule seal_images:
    """The marker that trainings depend on."""
    input:
        needed_to_seal,
    output:
        ImageSet.patterns(SEALED),
    log:
        ImageSet.log("seal-{total}{given_up}"),
    params:
        **COMMAND,
        what="images",
    message:
        "Seal of the {params.what} {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage {params.what} {params.config:q} {wildcards.name} --step seal >{log:q} 2>&1"
