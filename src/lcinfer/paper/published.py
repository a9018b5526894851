"""What Gillet et al. 2019 (MNRAS 484, 282; arXiv:1805.02699) print of their own run.

Their numbers rest on another database, made with another version of 21cmFAST: beside ours they
are for comparison, and no test that ours are right.
"""

PAPER = "Gillet et al. 2019"
ELSEWHERE = f"{PAPER} (another database)"
"""Head of every column with their numbers."""

# Table 1. By the names of the network's layers: step, data dimension and number of weights, none
# where none is printed. The sum counts the 128 of the batch normalisation.
LAYERS: dict[str, tuple[str, tuple[int, ...] | None, int | None]] = {
    "input": ("Input", (100, 2200), None),
    "convolution_1": ("2D Convolution", (8, 91, 2191), 808),
    "pooling_1": ("Max Pooling", (8, 45, 1095), 0),
    "convolution_2": ("2D Convolution", (16, 36, 1086), 12_816),
    "pooling_2": ("Max Pooling", (16, 18, 543), 0),
    "flattening": ("Flattening", (156_384,), 0),
    "dropout": ("Dropout", None, 0),
    "dense_1": ("Fully connected", (64,), 10_008_640),
    "batch_normalisation": ("Batch Normalization", None, None),
    "dense_2": ("Fully connected", (16,), 1040),
    "dense_3": ("Fully connected", (8,), 136),
    "output": ("Fully connected Out", (4,), 36),
}
WEIGHTS = 10_023_604
SETTINGS = {  # empty: not printed
    "Dropout": "20%",
    "Size convolution filter": "10x10",
    "Size MaxPool filter": "2x2",
    "Activation function": "ReLU",
    "Optimizer": "RMSprop",
    "Loss": "MSE",
    "Number of epochs": "100",
    "Batch size": "200",
    "Training set": "8000 x 10",
    "Validation set": "1000",
    "Testing set": "1000",
    "Learning rate at the start": "",
    "Learning rate patience": "5 epochs",
    "Learning rate factor": "0.5",
}

TRAINING = 8000
"""Light-cones that its networks were trained on."""

# Table 2: R2 by the images of a light-cone in the training set, from one image of each of the
# 1000 test light-cones.
R2: dict[int, dict[str, float]] = {
    10: {"ION_Tvir_MIN": 0.997, "L_X": 0.987, "HII_EFF_FACTOR": 0.955, "NU_X_THRESH": 0.728},
    1: {"ION_Tvir_MIN": 0.984, "L_X": 0.981, "HII_EFF_FACTOR": 0.851, "NU_X_THRESH": 0.531},
}

SATURATION = 800.0
"""E0 in eV above which its recovery saturates (section 4.2)."""
SPREAD = {"ION_Tvir_MIN": 0.028, "L_X": 0.11}
"""Prediction uncertainty in dex (section 4.2)."""
UNCERTAINTY = {
    "ION_Tvir_MIN": 0.01,
    "L_X": 0.01,
    "HII_EFF_FACTOR": 0.1,
    "NU_X_THRESH": 0.1,
}
"""Relative uncertainty over most of the allowed ranges (abstract and section 5): of the
logarithms below the number, of the others about it."""
