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


rule draw_training:
    """Figures 3, 4, 5, A1 and A2 of one training: network, loss, predictions, what it sees."""
    input:
        needed,
    output:
        plots("evaluation", *(["responses"] if RUN.mocks else [])),
    log:
        FigureSet.log("training"),
    params:
        **COMMAND,
    message:
        "Figures of the training {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} {wildcards.name} >{log:q} 2>&1"


rule draw_sweep:
    """A learning curve, or a study's losses against the varied keys."""
    input:
        needed,
    output:
        plots("sweep"),
    log:
        FigureSet.log("sweep"),
    params:
        **COMMAND,
    message:
        "Figure of the sweep {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} {wildcards.name} >{log:q} 2>&1"


if RUN.config.with_posteriors:

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
