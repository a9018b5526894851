"""Mocks and trained networks -> the paper's figures, in every configured format."""


rule draw_examples:
    """Figure 1: an image of each mock."""
    input:
        needed,
    output:
        plots("mocks"),
    log:
        FigureSet.log("examples"),
    params:
        **COMMAND,
    message:
        "Figure of the mocks, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} examples >{log:q} 2>&1"


rule draw_scheme:
    """Figure 2: how a light-cone is cut into images. It needs nothing but the configuration."""
    output:
        plots("images"),
    log:
        FigureSet.log("scheme"),
    params:
        **COMMAND,
    message:
        "Figure of the slices, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} scheme >{log:q} 2>&1"


rule draw_instrument:
    """The noise of an instrument beside the signal."""
    input:
        needed,
    output:
        plots("instrument"),
    log:
        FigureSet.log("instrument"),
    params:
        **COMMAND,
    message:
        "Figure of the instrument {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} {wildcards.name} >{log:q} 2>&1"


# Figures 3, 4, 5, A1 and A2 of one training: network, loss, predictions, what it sees.
use rule draw_instrument as draw_training with:
    output:
        plots("evaluation", *(["responses"] if RUN.mocks else [])),
    log:
        FigureSet.log("training"),
    wildcard_constraints:
        name=drawn_from("evaluation"),
    message:
        "Figures of the training {wildcards.name}: {params.why}"


# Figures 3, 4 and 5 of one training on spectra, which has no filters to show.
use rule draw_instrument as draw_training_on_spectra with:
    output:
        plots("of_spectra"),
    log:
        FigureSet.log("training"),
    wildcard_constraints:
        name=drawn_from("of_spectra"),
    message:
        "Figures of the training {wildcards.name}: {params.why}"


# A learning curve, or a study's losses against the varied keys.
use rule draw_instrument as draw_sweep with:
    output:
        plots("sweep"),
    log:
        FigureSet.log("sweep"),
    message:
        "Figure of the sweep {wildcards.name}: {params.why}"


if RUN.config.tested:

    rule draw_posteriors:
        """All posteriors: whether they are calibrated, their widths, and each mock's over one another."""
        input:
            needed,
        output:
            files_of(RUN.figures[POSTERIORS].figures),
        log:
            FigureSet.log("posteriors"),
        params:
            **COMMAND,
        message:
            "Figures of the posteriors, {wildcards.name}: {params.why}"
        shell:
            "{params.lcinfer} stage figures {params.config:q} posteriors >{log:q} 2>&1"
