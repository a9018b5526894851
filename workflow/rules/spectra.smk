"""Light-cones -> power spectra, a block at a time, as images are cut."""


localrules:
    prepare_spectra,
    seal_spectra,


# Create the spectra's store, or grow it.
use rule prepare_images as prepare_spectra with:
    output:
        SpectraSet.patterns(PREPARED),
    log:
        SpectraSet.log("prepare-{total}"),
    params:
        what="spectra",


# Spectra of one block of light-cones.
use rule cut_images as measure_spectra with:
    output:
        SpectraSet.patterns(BLOCK),
    log:
        SpectraSet.log("{start}-{stop}{given_up}"),
    params:
        what="spectra",


# The marker that trainings and likelihoods depend on.
use rule seal_images as seal_spectra with:
    output:
        SpectraSet.patterns(SEALED),
    log:
        SpectraSet.log("seal-{total}{given_up}"),
    params:
        what="spectra",
