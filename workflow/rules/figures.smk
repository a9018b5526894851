"""Mocks and trained networks -> the paper's figures, in every configured format."""

SHOWN, *OTHER_FORMATS = RUN.config.figures.formats
OF_TRAININGS = {
    "architecture": "3: network",
    "loss": "4: loss",
    "recovery": "5: recovery",
    "residuals": "5: residuals",
    "filters": "A1: filters",
}
if RUN.mocks:  # networks respond to them
    OF_TRAININGS |= {"responses": "A2: responses", "activations": "A2: activations"}


rule draw_examples:
    """Figure 1: an image of each mock."""
    input:
        ancient([RUN.mock_images[name].sealed for name in RUN.examples]),
    output:
        report(
            f"results/figures/{{name}}/examples.{SHOWN}",
            category="Images",
            caption="../report/examples.rst",
            labels={"figure": "1: example images"},
        ),
        expand("results/figures/{{name}}/examples.{suffix}", suffix=OTHER_FORMATS),
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
        "{params.lcinfer} figures {params.config} examples >{log} 2>&1"


rule draw_scheme:
    """Figure 2: how a light-cone is cut into images. It needs nothing but the configuration."""
    output:
        report(
            f"results/figures/{{name}}/slicing.{SHOWN}",
            category="Images",
            caption="../report/slicing.rst",
            labels={"figure": "2: slices of a light-cone"},
        ),
        expand("results/figures/{{name}}/slicing.{suffix}", suffix=OTHER_FORMATS),
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
        "{params.lcinfer} figures {params.config} scheme >{log} 2>&1"


rule draw_training:
    """Figures 3, 4, 5, A1 and A2 of one training: network, loss, predictions, what it sees."""
    input:
        lambda wildcards: ancient(RUN.evaluations[of(wildcards).name].scores),
        ancient([RUN.mock_images[name].sealed for name in RUN.responses]),
    output:
        [
            report(
                f"results/figures/{{name}}/{figure}.{SHOWN}",
                category="Trainings",
                subcategory="{name}",
                caption=f"../report/{figure}.rst",
                labels={"figure": label},
            )
            for figure, label in OF_TRAININGS.items()
        ],
        expand(
            "results/figures/{{name}}/{figure}.{suffix}",
            figure=OF_TRAININGS,
            suffix=OTHER_FORMATS,
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
        "{params.lcinfer} figures {params.config} {wildcards.name} >{log} 2>&1"


rule draw_sweep:
    """A learning curve, or a study's losses against the varied keys."""
    input:
        lambda wildcards: ancient(RUN.sweeps[of(wildcards).name].outcome),
    output:
        report(
            f"results/figures/{{name}}/sweep.{SHOWN}",
            category="Sweeps",
            caption="../report/sweep.rst",
            labels={"figure": "{name}"},
        ),
        expand("results/figures/{{name}}/sweep.{suffix}", suffix=OTHER_FORMATS),
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
        "{params.lcinfer} figures {params.config} {wildcards.name} >{log} 2>&1"
