"""A configuration's section `database` (and `mocks`) -> light-cones in Zarr, sealed.

The Zarr store and the journal are never outputs: Snakemake would delete or copy them. It sees
markers, small JSON files that carry no times and no host names. Those that may do without failed
light-cones (`database.allowed_failures`) say in their names after how many attempts.
"""


localrules:
    prepare_lightcones,
    seal_lightcones,


rule prepare_lightcones:
    """Create a database, or grow it: one process, before any rank starts."""
    output:
        LightCones.patterns(PREPARED),
    log:
        LightCones.log("prepare-{total}"),
    params:
        **COMMAND,
    message:
        "Room for the light-cones {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage design {params.config:q} {wildcards.name} >{log:q} 2>&1"


rule simulate:
    """One block of light-cones of one database: MPI ranks take them as they become free.

    A killed job goes on from the journal; the marker is written when the block is complete.
    """
    input:
        needed_by_block,
    output:
        LightCones.patterns(BLOCK),
    log:
        LightCones.log("{start}-{stop}{given_up}"),
    threads: RUN.config.database.simulator.threads
    resources:
        mpi="mpiexec -launcher fork",
        tasks=2,
        batch=1,
        mem_mb_per_cpu=engine_of(RUN.config.database).memory_mb(RUN.config.database)
        // RUN.config.database.simulator.threads,
    params:
        **(COMMAND | {"lcinfer": launch.lcinfer(mpi=True), "why": block_and_why}),
        # With GPUs (gres, gpu or gpus in the profile) on these, as far as the engine can.
        device=lambda wildcards, resources: launch.device(resources),
    message:
        "{params.why}"
    shell:
        # srun does not take the CPUs per rank over from sbatch, and mpiexec does not know them.
        "export SRUN_CPUS_PER_TASK={threads}; "
        "{resources.mpi} -n {resources.tasks} {params.lcinfer}"
        " stage simulate {params.config:q} {wildcards.name} --block {wildcards.start}-{wildcards.stop}"
        " --ranks {resources.tasks} --batch {resources.batch} --device {params.device} 2>&1 | tee {log:q}"


rule seal_lightcones:
    """Histories into the store, and the marker that later stages depend on."""
    input:
        needed_to_seal,
    output:
        LightCones.patterns(SEALED),
    log:
        LightCones.log("seal-{total}{given_up}"),
    params:
        **COMMAND,
    message:
        "Seal of the light-cones {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage seal {params.config:q} {wildcards.name} >{log:q} 2>&1"
