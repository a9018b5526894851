"""Coeval boxes of one realisation, node by node, through py21cmfast's low-level calls.

``py21cmfast.run_lightcone`` keeps every perturbed field and old box; here each is dropped
as soon as no later step reads it. All that differs between versions of py21cmfast's calls
stands in this file.
"""

from collections.abc import Iterator

import py21cmfast
from py21cmfast import Coeval, InputParameters
from py21cmfast.drivers import single_field

# 4.3 split the radiation fields from the spin temperature and sets its back end up by itself.
SPLIT_RADIATION = hasattr(single_field, "compute_radiation_fields")


def coeval_boxes(inputs: InputParameters) -> Iterator[Coeval]:
    """The coeval boxes at ``inputs.node_redshifts``, highest redshift first.

    A box is complete when it is yielded and until the next but one is; older ones are purged.
    """
    evolve = _evolve_split_radiation if SPLIT_RADIATION else _evolve
    yield from evolve(inputs)


def _initial_conditions(inputs: InputParameters, **settings: bool) -> py21cmfast.InitialConditions:
    initial_conditions = single_field.compute_initial_conditions(inputs=inputs, **settings)
    # The high-resolution displacements have served: at 200^3 they hold 2.6 GB.
    initial_conditions.prepare_for_perturb(force=True)
    return initial_conditions


def _purge(coeval: Coeval | None) -> None:
    if coeval is not None:
        for box in coeval.output_structs.values():
            if not isinstance(box, py21cmfast.InitialConditions):
                box.purge(force=True)


def _evolve(inputs: InputParameters) -> Iterator[Coeval]:
    """py21cmfast 4.1 and 4.2."""
    from py21cmfast import HaloBox
    from py21cmfast.c_21cmfast import lib
    from py21cmfast.wrapper.outputs import XraySourceBox

    # Rebuilding the cosmology tables at each call would cost time and nothing else.
    settings = {"regenerate": True, "free_cosmo_tables": False}
    before = previous = None
    try:
        initial_conditions = _initial_conditions(inputs, **settings)
        for redshift in inputs.node_redshifts:
            perturbed = single_field.perturb_field(
                redshift=redshift, inputs=inputs, initial_conditions=initial_conditions, **settings
            )
            # py21cmfast's own placeholders make new InputParameters each time: a sixth of a
            # small light-cone's time.
            empty = {"inputs": inputs, "redshift": redshift, "dummy": True}
            spin = single_field.compute_spin_temperature(
                inputs=inputs,
                initial_conditions=initial_conditions,
                perturbed_field=perturbed,
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
            brightness = single_field.brightness_temperature(
                ionized_box=ionized, perturbed_field=perturbed, spin_temp=spin, **settings
            )
            coeval = Coeval(
                initial_conditions=initial_conditions,
                perturbed_field=perturbed,
                ionized_box=ionized,
                brightness_temperature=brightness,
                ts_box=spin,
            )
            yield coeval
            _purge(before)
            before, previous = previous, coeval
    finally:
        lib.Free_cosmo_tables_global()


def _evolve_split_radiation(inputs: InputParameters) -> Iterator[Coeval]:
    """py21cmfast 4.3: sources and radiation have fields of their own."""
    from py21cmfast.wrapper.outputs import RadiationFieldsSetup

    settings = {"regenerate": True}
    initial_conditions = _initial_conditions(inputs, **settings)
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
        source = single_field.compute_emissivity_fields(
            inputs=inputs,
            redshift=redshift,
            initial_conditions=initial_conditions,
            perturbed_field=perturbed,
            **old,
            **settings,
        )
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
                perturbed_field=perturbed,
                rad_setup=setup,
                **old,
                **settings,
            )
        spin = single_field.compute_spin_temperature(
            inputs=inputs,
            initial_conditions=initial_conditions,
            perturbed_field=perturbed,
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
            emissivity_fields=source,
            spin_temp=spin,
            **settings,
        )
        brightness = single_field.brightness_temperature(
            ionized_box=ionized, perturbed_field=perturbed, spin_temp=spin, **settings
        )
        coeval = Coeval(
            initial_conditions=initial_conditions,
            perturbed_field=perturbed,
            ionized_box=ionized,
            brightness_temperature=brightness,
            ts_box=spin,
        )
        yield coeval
        sources.append(source)
        _purge(before)
        before, previous = previous, coeval
    setup.purge(force=True)
