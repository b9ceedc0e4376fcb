"""Weights and batches from a formula, the same here and in C, so that two programs start from the same numbers
without exchanging files. In C: WN_INIT_GENERATOR (graph/) and tests/check_golden.c."""

import numpy as np

# Tensor numbers of the batches: far from those of any network's parameters. Plus the step, from 0.
PIXELS = 1_000_000
LABELS = 2_000_000


def hashed(tensor: int, count: int) -> np.ndarray:
    """One 32-bit word for every element of tensor number `tensor` (a multiplicative hash, then an avalanche)."""
    element = np.arange(1, count + 1, dtype=np.uint64)
    h = ((element * 2654435761) ^ ((tensor + 1) * 2246822519 & 0xFFFFFFFF)) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    h = h * 2246822519 & 0xFFFFFFFF
    h ^= h >> np.uint64(13)
    h = h * 3266489917 & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    return h


def uniform(tensor: int, count: int) -> np.ndarray:
    """Doubles in [0, 1) with 24 random bits, exact in f32."""
    return (hashed(tensor, count) >> np.uint64(8)).astype(np.float64) / 2**24


def parameter(number: int, name: str, shape: tuple) -> np.ndarray:
    """Learned parameter `number`, counted in state_dict order: weights of variance 1/fan_in, biases and shifts
    within 0.1 of 0, batch norm's scales within 0.1 of 1. Row-major, computed in f64, rounded to f32."""
    signed = 2 * uniform(number, int(np.prod(shape))) - 1
    if len(shape) > 1:
        values = signed * np.sqrt(3.0 / np.prod(shape[1:]))
    elif name.endswith("weight"):
        values = 1 + signed * 0.1
    else:
        values = signed * 0.1
    return values.astype(np.float32).reshape(shape)


def batch(step: int, shape: tuple, classes: int) -> tuple:
    """Images in [0, 1) and labels of a step."""
    pixels = uniform(PIXELS + step, int(np.prod(shape))).astype(np.float32).reshape(shape)
    labels = (hashed(LABELS + step, shape[0]) % classes).astype(np.int64)
    return pixels, labels
