#!/usr/bin/python3
"""Runs ONNX files in numpy, operator by operator, in double precision: what `winnow export --onnx` wrote, computed by
somebody else.

    /usr/bin/python3 tools/peers/onnx_numpy.py MODEL [IMAGES]

IMAGES is a .npy file with floats [N][channels][height][width], normalised as the model's metadata say; without it zeros
are run. Prints the logits. Needs python3-onnx and python3-numpy. Knows the operators that winnow writes."""

import argparse
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def windows(x: np.ndarray, kernel: list, strides: list, dilations: list) -> np.ndarray:
    """A view [N][C][rows][columns][kernel rows][kernel columns]."""
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    view = np.lib.stride_tricks.sliding_window_view(x, extents, axis=(2, 3))
    return view[:, :, ::strides[0], ::strides[1], ::dilations[0], ::dilations[1]]


def padded(x: np.ndarray, pads: list, value: float) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=value)


def conv(x, weight, bias=None, *, kernel_shape, strides, pads, dilations, group):
    x = padded(x, pads, 0)
    parts = [np.einsum("nchwij,ocij->nohw", windows(part, kernel_shape, strides, dilations), filters, optimize=True)
             for part, filters in zip(np.split(x, group, 1), np.split(weight, group, 0))]
    y = np.concatenate(parts, 1)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def max_pool(x, *, kernel_shape, strides, pads):
    return windows(padded(x, pads, -np.inf), kernel_shape, strides, [1, 1]).max((4, 5))


def average_pool(x, *, kernel_shape, strides, pads, count_include_pad):
    counted = padded(np.ones_like(x), pads, count_include_pad)
    return (windows(padded(x, pads, 0), kernel_shape, strides, [1, 1]).sum((4, 5)) /
            windows(counted, kernel_shape, strides, [1, 1]).sum((4, 5)))


def batch_normalization(x, scale, shift, mean, variance, *, epsilon):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon) * scale.reshape(shape) + shift.reshape(shape)


def lrn(x, *, size, alpha, beta, bias):
    before = (size - 1) // 2
    squares = np.pad(x ** 2, ((0, 0), (before, size - 1 - before), (0, 0), (0, 0)))
    sums = sum(squares[:, i:i + x.shape[1]] for i in range(size))
    return x / (bias + alpha / size * sums) ** beta


def gemm(x, weight, bias=0, *, transB):
    return x @ (weight.T if transB else weight) + bias


def pad(x, pads, *, mode):
    pairs = list(zip(pads[:4], pads[4:]))
    return np.pad(x, pairs, mode={"constant": "constant", "reflect": "reflect", "edge": "edge"}[mode.decode()])


OPERATORS = {
    "Conv": conv, "MaxPool": max_pool, "AveragePool": average_pool, "BatchNormalization": batch_normalization, "LRN": lrn,
    "Gemm": gemm, "Pad": pad, "MatMul": np.matmul, "Identity": lambda x: x, "Add": np.add, "Tanh": np.tanh,
    "Relu": lambda x: np.maximum(x, 0), "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
    "Flatten": lambda x, *, axis: x.reshape(int(np.prod(x.shape[:axis])), -1),
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
}


def run(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values = {name: v.astype(np.float64) if v.dtype == np.float32 else v for name, v in values.items()}
    values[model.graph.input[0].name] = images.astype(np.float64)
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = OPERATORS[node.op_type](*(values[name] for name in node.input), **attributes)
    return values[model.graph.output[0].name]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("images", nargs="?")
    arguments = parser.parse_args()
    model = onnx.load(arguments.model)
    onnx.checker.check_model(model, full_check=True)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    images = np.load(arguments.images) if arguments.images else np.zeros([1] + shape[1:])
    for logits in run(model, images):
        print(" ".join(f"{value:.6g}" for value in logits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
