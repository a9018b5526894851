"""Coeval boxes of 21cmFAST 3.4.0; benchmarks/version3.py runs this in an environment of its own.

    python benchmarks/version3_boxes.py OUTPUT.npz < request.json

Nothing of lcinfer is imported here. The nodes are the request's own: each box is given the one
before it, so that version 3 evolves at exactly those redshifts.
"""

import json
import sys
import warnings

import numpy as np
import py21cmfast
from py21cmfast.inputs import global_params


def main() -> None:
    """See the module's docstring."""
    request = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    for name, value in request["globals"].items():
        getattr(global_params, name)  # version 3 would take a name that it does not know
        setattr(global_params, name, value)
    settings = {"write": False, "regenerate": True}
    cosmology = py21cmfast.CosmoParams(**request["cosmology"])
    user = py21cmfast.UserParams(**request["user"])
    flags = py21cmfast.FlagOptions(**request["flags"])
    astro = py21cmfast.AstroParams(**request["astro"])
    initial_conditions = py21cmfast.initial_conditions(
        user_params=user, cosmo_params=cosmology, random_seed=request["seed"], **settings
    )
    kept: dict[str, list[np.ndarray]] = {name: [] for name in request["fields"]}
    means: dict[str, list[float]] = {name: [] for name in request["fields"]}
    spin = ionized = None
    for index, redshift in enumerate(request["nodes"]):
        field = py21cmfast.perturb_field(
            redshift=redshift, init_boxes=initial_conditions, **settings
        )
        model = {"astro_params": astro, "flag_options": flags}
        spin = py21cmfast.spin_temperature(
            redshift=redshift,
            perturbed_field=field,
            previous_spin_temp=spin,
            init_boxes=initial_conditions,
            cleanup=redshift == request["nodes"][-1],
            **model,
            **settings,
        )
        ionized = py21cmfast.ionize_box(
            redshift=redshift,
            perturbed_field=field,
            previous_ionize_box=ionized,
            spin_temp=spin,
            init_boxes=initial_conditions,
            **model,
            **settings,
        )
        brightness = py21cmfast.brightness_temperature(
            ionized_box=ionized, perturbed_field=field, spin_temp=spin, **settings
        )
        boxes = {
            "density": field.density,
            "spin_temperature": spin.Ts_box,
            "kinetic_temperature": spin.Tk_box,
            "electron_fraction": spin.x_e_box,
            "neutral_fraction": ionized.xH_box,
            "brightness_temp": brightness.brightness_temp,
        }
        for name in request["fields"]:
            means[name].append(float(np.mean(boxes[name], dtype=float)))
            if index in request["keep"]:
                kept[name].append(np.array(boxes[name]))
    np.savez(
        sys.argv[1],
        version=py21cmfast.__version__,
        **{f"box_{name}": np.array(boxes) for name, boxes in kept.items()},
        **{f"mean_{name}": np.array(values) for name, values in means.items()},
    )


if __name__ == "__main__":
    main()
