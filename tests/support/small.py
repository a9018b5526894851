"""The configuration that most tests start from."""

from typing import Any

Settings = dict[str, Any]


def small_settings() -> Settings:
    """A small valid configuration, as YAML would give it."""
    point = {"HII_EFF_FACTOR": 30, "ION_Tvir_MIN": 4.69897, "L_X": 40, "NU_X_THRESH": 500}
    return {
        "name": "small",
        "database": {
            "name": "cones",
            "realizations": 12,
            "seed": 5,
            "prior": {
                "HII_EFF_FACTOR": [10, 250],
                "ION_Tvir_MIN": [4, 6],
                "L_X": [38, 42],
                "NU_X_THRESH": [100, 1500],
            },
            "box": {"cells": 8, "length": 48},
            "lightcone": {"z_min": 6, "cells": 40},
            "simulator": {"engine": "support.standin:simulate", "engine_version": "1"},
            "block": 4,
        },
        "mocks": {"FAINT": {"parameters": point, "realizations": 2}},
        "images": {"slices": 2, "spacing": 12, "halves": 1, "axes": ["x", "y"]},
        "split": {"validation": 2, "test": 3},
        "trainings": {
            "all_images": {
                "epochs": 2,
                "batch": 4,
                "network": {
                    "convolutions": [{"filters": 4, "kernel": 3, "pool": 2}],
                    "dense": [8],
                },
            }
        },
        "evaluation": {"bootstrap": 50},
        "figures": {"formats": ["png"], "dpi": 50},
    }
