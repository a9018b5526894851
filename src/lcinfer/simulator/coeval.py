"""Coeval boxes of one realisation, node by node, through py21cmfast's low-level calls.

``py21cmfast.run_lightcone`` keeps every perturbed field and old box; here each is dropped
as soon as no later step reads it. All that differs between versions of py21cmfast's calls
stands in this file.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import py21cmfast
from py21cmfast import Coeval, InputParameters, PerturbedField
from py21cmfast.c_21cmfast import lib
from py21cmfast.drivers import single_field

# 4.3 split the radiation fields from the spin temperature and sets its back end up by itself.
SPLIT_RADIATION = hasattr(single_field, "compute_radiation_fields")


# The density that spin temperatures follow at a node, from the box's own density there.
ThermalDensity = Callable[[PerturbedField], PerturbedField]


def coeval_boxes(inputs: InputParameters, scaled_from: float | None = None) -> Iterator[Coeval]:
    """The coeval boxes at ``inputs.node_redshifts``, highest redshift first.

    A box is complete when it is yielded and until the next but one is; older ones are purged.

    Args:
        inputs: py21cmfast's.
        scaled_from: spin temperatures follow the density at this redshift times the ratio of
            linear growth, as in Greig & Mesinger 2018's code; None: that of each node. T_b and
            ionisation follow that of each node in any case.
    """
    evolve = _evolve_split_radiation if SPLIT_RADIATION else _evolve
    yield from evolve(inputs, scaled_from)


def _initial_conditions(inputs: InputParameters, **settings: bool) -> py21cmfast.InitialConditions:
    initial_conditions = single_field.compute_initial_conditions(inputs=inputs, **settings)
    # The high-resolution displacements have served: at 200^3 they hold 2.6 GB.
    initial_conditions.prepare_for_perturb(force=True)
    return initial_conditions


def _thermal_density(
    initial_conditions: py21cmfast.InitialConditions, redshift: float | None, **settings: bool
) -> ThermalDensity:
    if redshift is None:
        return lambda own: own
    inputs = initial_conditions.inputs
    late = single_field.perturb_field(
        redshift=redshift, inputs=inputs, initial_conditions=initial_conditions, **settings
    )
    density = late.get("density") / np.float32(lib.dicke(redshift))

    def scaled(own: PerturbedField) -> PerturbedField:
        field = PerturbedField.new(inputs=inputs, redshift=own.redshift)
        field.set("density", density * np.float32(lib.dicke(own.redshift)))
        return field

    return scaled


def _coeval(start: Any, perturbed: Any, ionized: Any, spin: Any, **settings: bool) -> Coeval:
    brightness = single_field.brightness_temperature(
        ionized_box=ionized, perturbed_field=perturbed, spin_temp=spin, **settings
    )
    return Coeval(
        initial_conditions=start,
        perturbed_field=perturbed,
        ionized_box=ionized,
        brightness_temperature=brightness,
        ts_box=spin,
    )


def _purge(coeval: Coeval | None) -> None:
    if coeval is not None:
        for box in coeval.output_structs.values():
            if not isinstance(box, py21cmfast.InitialConditions):
                box.purge(force=True)


def _evolve(inputs: InputParameters, scaled_from: float | None) -> Iterator[Coeval]:
    """py21cmfast 4.1 and 4.2."""
    from py21cmfast import HaloBox
    from py21cmfast.wrapper.outputs import XraySourceBox

    # Rebuilding the cosmology tables at each call would cost time and nothing else.
    settings = {"regenerate": True, "free_cosmo_tables": False}
    before = previous = None
    try:
        initial_conditions = _initial_conditions(inputs, **settings)
        thermal = _thermal_density(initial_conditions, scaled_from, **settings)
        for redshift in inputs.node_redshifts:
            perturbed = single_field.perturb_field(
                redshift=redshift, inputs=inputs, initial_conditions=initial_conditions, **settings
            )
            # py21cmfast's own placeholders make new InputParameters each time: a seventh of a
            # small light-cone's time.
            empty = {"inputs": inputs, "redshift": redshift, "dummy": True}
            spin = single_field.compute_spin_temperature(
                inputs=inputs,
                initial_conditions=initial_conditions,
                perturbed_field=thermal(perturbed),
                xray_source_box=XraySourceBox.new(**empty),
                previous_spin_temp=getattr(previous, "ts_box", None),
                cleanup=redshift == inputs.node_redshifts[-1],
                **settings,
            )
            ionized = single_field.compute_ionization_field(
                inputs=inputs,
                initial_conditions=initial_conditions,
                perturbed_field=perturbed,
                previous_perturbed_field=getattr(previous, "perturbed_field", None),
                previous_ionized_box=getattr(previous, "ionized_box", None),
                halobox=HaloBox.new(**empty),
                spin_temp=spin,
                **settings,
            )
            coeval = _coeval(initial_conditions, perturbed, ionized, spin, **settings)
            yield coeval
            _purge(before)
            before, previous = previous, coeval
    finally:
        lib.Free_cosmo_tables_global()


def _evolve_split_radiation(inputs: InputParameters, scaled_from: float | None) -> Iterator[Coeval]:
    """py21cmfast 4.3: sources and radiation have fields of their own."""
    from py21cmfast.wrapper.outputs import RadiationFieldsSetup

    settings = {"regenerate": True}
    initial_conditions = _initial_conditions(inputs, **settings)
    thermal = _thermal_density(initial_conditions, scaled_from, **settings)
    setup = RadiationFieldsSetup.new(redshift=-1.0, inputs=inputs)
    setup._init_arrays()
    setup.dummy = True
    sources: list[py21cmfast.EmissivityFields] = []  # the radiation looks back through all nodes
    before = previous = None
    for redshift in inputs.node_redshifts:
        old = {
            "previous_spin_temp": getattr(previous, "ts_box", None),
            "previous_ionize_box": getattr(previous, "ionized_box", None),
        }
        perturbed = single_field.perturb_field(
            redshift=redshift, inputs=inputs, initial_conditions=initial_conditions, **settings
        )
        emissivity = partial(
            single_field.compute_emissivity_fields,
            inputs=inputs,
            redshift=redshift,
            initial_conditions=initial_conditions,
            **old,
            **settings,
        )
        followed = thermal(perturbed)
        source = emissivity(perturbed_field=followed)
        radiation = None
        if redshift <= inputs.simulation_options.Z_HEAT_MAX:
            setup = single_field.setup_radiation_fields(
                redshift=redshift,
                emissivity_fields_list=[*sources, source],
                previous_spin_temp=old["previous_spin_temp"],
                previous_rad_setup=setup,
            )
            radiation = single_field.compute_radiation_fields(
                redshift=redshift,
                emissivity_fields_list=[*sources, source],
                perturbed_field=followed,
                rad_setup=setup,
                **old,
                **settings,
            )
        spin = single_field.compute_spin_temperature(
            inputs=inputs,
            initial_conditions=initial_conditions,
            perturbed_field=followed,
            previous_spin_temp=old["previous_spin_temp"],
            radiation_fields=radiation,
            **settings,
        )
        if radiation is not None:
            radiation.purge(force=True)
        ionized = single_field.compute_ionization_field(
            inputs=inputs,
            initial_conditions=initial_conditions,
            perturbed_field=perturbed,
            previous_perturbed_field=getattr(previous, "perturbed_field", None),
            previous_ionized_box=old["previous_ionize_box"],
            emissivity_fields=(
                source if followed is perturbed else emissivity(perturbed_field=perturbed)
            ),
            spin_temp=spin,
            **settings,
        )
        coeval = _coeval(initial_conditions, perturbed, ionized, spin, **settings)
        yield coeval
        sources.append(source)
        _purge(before)
        before, previous = previous, coeval
    setup.purge(force=True)
