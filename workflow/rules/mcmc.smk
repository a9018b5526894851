"""Power spectra -> posteriors by an emulator, a likelihood and MCMC."""


rule mcmc:
    """Fit one emulator, and sample."""
    input:
        needed,
    output:
        McmcRun.patterns(),
    log:
        McmcRun.log(),
    threads: 2
    params:
        **COMMAND,
    message:
        "Posteriors by MCMC, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage mcmc {params.config:q} {wildcards.name} --threads {threads} >{log:q} 2>&1"
