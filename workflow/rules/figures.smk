"""Mocks and trained networks -> the paper's figures, in every configured format."""

from lcinfer.products.shown import RESPONSE_FIGURES, TRAINING_FIGURES

FORMATS = RUN.config.figures.formats
OF_TRAINING = [*TRAINING_FIGURES, *(RESPONSE_FIGURES if RUN.mocks else [])]


rule draw_examples:
    """Figure 1: an image of each mock."""
    input:
        ancient([RUN.mock_images[name].sealed for name in RUN.examples]),
    output:
        expand("results/figures/{{name}}/examples.{suffix}", suffix=FORMATS),
    log:
        "results/logs/figures/{name}/examples.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figure of the mocks, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} examples >{log:q} 2>&1"


rule draw_scheme:
    """Figure 2: how a light-cone is cut into images. It needs nothing but the configuration."""
    output:
        expand("results/figures/{{name}}/slicing.{suffix}", suffix=FORMATS),
    log:
        "results/logs/figures/{name}/scheme.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figure of the slices, {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} scheme >{log:q} 2>&1"


rule draw_training:
    """Figures 3, 4, 5, A1 and A2 of one training: network, loss, predictions, what it sees."""
    input:
        lambda wildcards: ancient(RUN.evaluations[of(wildcards).name].scores),
        ancient([RUN.mock_images[name].sealed for name in RUN.responses]),
    output:
        expand(
            "results/figures/{{name}}/{figure}.{suffix}",
            figure=OF_TRAINING,
            suffix=FORMATS,
        ),
    log:
        "results/logs/figures/{name}/training.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figures of the training {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} {wildcards.name} >{log:q} 2>&1"


rule draw_sweep:
    """A learning curve, or a study's losses against the varied keys."""
    input:
        lambda wildcards: ancient(RUN.sweeps[of(wildcards).name].outcome),
    output:
        expand("results/figures/{{name}}/sweep.{suffix}", suffix=FORMATS),
    log:
        "results/logs/figures/{name}/sweep.log",
    conda:
        "../../envs/conda.yaml"
    params:
        lcinfer=LCINFER,
        config=CONFIG,
        why=why,
    message:
        "Figure of the sweep {wildcards.name}: {params.why}"
    shell:
        "{params.lcinfer} stage figures {params.config:q} {wildcards.name} >{log:q} 2>&1"
