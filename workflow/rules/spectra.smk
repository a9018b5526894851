"""Light-cones -> power spectra, a block at a time, as images are cut."""


localrules:
    prepare_spectra,
    seal_spectra,


rule prepare_spectra:
    """Create the spectra's store, or grow it."""
    input:
        needed_to_prepare,
    output:
        SpectraSet.patterns(PREPARED),
    log:
        SpectraSet.log("prepare-{total}"),
    params:
        **COMMAND,
    message:
        "Room for the spectra {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage spectra {params.config:q} {wildcards.name} --step prepare >{log:q} 2>&1"


rule measure_spectra:
    """Spectra of one block of light-cones."""
    input:
        needed_by_block,
    output:
        SpectraSet.patterns(BLOCK),
    log:
        SpectraSet.log("{start}-{stop}{given_up}"),
    threads: 2
    params:
        **(COMMAND | {"why": block_and_why}),
    message:
        "{params.why}"
    shell:
        "{params.lcinfer} stage spectra {params.config:q} {wildcards.name} --step cut"
        " --block {wildcards.start}-{wildcards.stop} --threads {threads} >{log:q} 2>&1"


rule seal_spectra:
    """The marker that trainings and likelihoods depend on."""
    input:
        needed_to_seal,
    output:
        SpectraSet.patterns(SEALED),
    log:
        SpectraSet.log("seal-{total}{given_up}"),
    params:
        **COMMAND,
    message:
        "Seal of the spectra {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage spectra {params.config:q} {wildcards.name} --step seal >{log:q} 2>&1"
