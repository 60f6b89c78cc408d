"""The three passes of a training step, compiled.

A step goes through its batch column by column. All that a column does in a pass (its products with the codes of the
rows that have it, the gradient of its weights, and Adam's update of them) happens while its weights lie in the nearest
cache; codes and their gradients, a batch long, lie in the next one. So the weights are read and written once a pass,
and their gradients are never written at all. Autograd's sparse products and a fused Adam move them several times over.

Shapes: a batch has `B` rows, `C` columns and `n` observed entries in the order of their columns; the code has `k`
units. `parts` (T + 1,) are the first columns of the T threads. Each thread adds up rows of its own, (T, B, k), so the
result depends on T alone, never on which thread comes first.

The loops are written for the compiler. Four entries at a time share each load of the column's weights; a loop writes at
most two arrays, as more would take the compiler more tests for overlap than it makes, and it would not vectorise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np

Array = np.ndarray[Any, Any]

LINKS = {"identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3, "selu": 4}
"""The output activations by the numbers that the compiled code knows them by."""
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
# Sums may be taken in another order and products fused; infinities and NaN keep their meaning, they tell divergence.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def _compiled(**options: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compiles a function when it is first called, and keeps the code on disk where there is a place for it."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        try:
            return cast("Callable[..., None]", numba.njit(fastmath=_FAST, cache=True, **options)(function))
        except RuntimeError:  # neither the package's folder nor the user's cache can be written
            return cast("Callable[..., None]", numba.njit(fastmath=_FAST, **options)(function))

    return decorate


def launch_threads() -> None:
    """Makes the threads of the compiled passes, where there are none yet.

    That sets the number of OpenMP's threads, and torch's with it: before anybody chooses these, or the first training
    of a process would add its sums up in another order than all later ones.
    """
    numba.get_num_threads()


_inlined = numba.njit(fastmath=_FAST, inline="always")


@_inlined
def _hashed(position: Any, seed: Any) -> Any:
    """A random 32-bit number of a position: the finaliser of MurmurHash3, twice."""
    h = np.uint32(np.uint32(position) * np.uint32(0x9E3779B9) + np.uint32(seed))  # wider sums are cut back to 32 bits
    for _ in range(2):
        h = np.uint32(h ^ (h >> np.uint32(16)))
        h = np.uint32(h * np.uint32(0x85EBCA6B))
        h = np.uint32(h ^ (h >> np.uint32(13)))
        h = np.uint32(h * np.uint32(0xC2B2AE35))
        h = np.uint32(h ^ (h >> np.uint32(16)))
        h = np.uint32(h + np.uint32(seed >> np.uint64(32)))
    return h


@_compiled()
def drop(values: Array, positions: Array, seed: Any, share: float, out: Array) -> None:
    """Sets a share of the values to 0 and scales the others up, so that sums keep their mean.

    Args:
        values: (n,).
        positions: (n,) int32, what the chance of each value hangs on; the same position and seed, the same fate.
        seed: uint64.
        share: of the values that are dropped, 0 to 1.
        out: (n,) the result.
    """
    bound = np.uint32(min(share * 4294967296.0, 4294967295.0))
    kept = out.dtype.type(1.0 / (1.0 - share))
    nothing = out.dtype.type(0.0)
    for e in range(len(values)):
        out[e] = values[e] * kept if _hashed(positions[e], seed) >= bound else nothing


@_compiled(parallel=True)
def encode(weights: Array, indptr: Array, rows: Array, inputs: Array, parts: Array, out: Array) -> None:
    """The encoder's product `X @ V`, one term of the sum a thread.

    Args:
        weights: (C, k) encoder weights.
        indptr: (C + 1,) where each column begins among the entries.
        rows: (n,) int32 row of each entry.
        inputs: (n,) what the encoder reads.
        parts: (T + 1,) first column of each thread.
        out: (T, B, k) the terms.
    """
    units = weights.shape[1]
    for thread in numba.prange(len(parts) - 1):
        sums = out[thread]
        sums[:] = 0
        for column in range(parts[thread], parts[thread + 1]):
            w = weights[column]
            e, end = indptr[column], indptr[column + 1]
            while e + 4 <= end:
                s0, s1, s2, s3 = sums[rows[e]], sums[rows[e + 1]], sums[rows[e + 2]], sums[rows[e + 3]]
                x0, x1, x2, x3 = inputs[e], inputs[e + 1], inputs[e + 2], inputs[e + 3]
                for u in range(units):
                    s0[u] += x0 * w[u]
                    s1[u] += x1 * w[u]
                for u in range(units):
                    s2[u] += x2 * w[u]
                    s3[u] += x3 * w[u]
                e += 4
            while e < end:
                s0, x0 = sums[rows[e]], inputs[e]
                for u in range(units):
                    s0[u] += x0 * w[u]
                e += 1


@_inlined
def _activated(link: int, z: float) -> tuple[float, float]:
    """The output activation at z, and its slope there."""
    if link == 0:
        return z, 1.0
    if link == 1:
        y = 0.5 * (1.0 + math.tanh(0.5 * z))
        return y, y * (1.0 - y)
    if link == 2:
        y = math.tanh(z)
        return y, 1.0 - y * y
    if link == 3:
        return (z, 1.0) if z > 0.0 else (0.0, 0.0)
    if z > 0.0:
        return SELU_SCALE * z, SELU_SCALE
    y = math.exp(z)
    return SELU_SCALE * SELU_ALPHA * (y - 1.0), SELU_SCALE * SELU_ALPHA * y


@_inlined
def _missed(link: int, bounds: Array, z: float, target: float) -> tuple[float, float, float]:
    """How far an entry's prediction is off: plain, and clipped to the scale; and the slope of the prediction by z."""
    y, slope = _activated(link, z)
    predicted = bounds[0] + bounds[1] * y
    return predicted - target, min(max(predicted, bounds[2]), bounds[3]) - target, bounds[1] * slope


@_inlined
def _update(w: Array, gradient: Array, m: Array, v: Array, adam: Array) -> float:
    """Moves a column's weights against its gradient as Adam does; returns the gradient's squared length.

    Source: Kingma & Ba 2015, algorithm 1, with the penalty in the gradient.
    """
    step, to_m, keep_v, to_v, root, epsilon, penalty = adam[0], adam[1], adam[2], adam[3], adam[4], adam[5], adam[6]
    square = gradient.dtype.type(0)
    for u in range(len(w)):
        g = gradient[u] + penalty * w[u]
        first = m[u] + to_m * (g - m[u])
        second = keep_v * v[u] + to_v * (g * g)
        m[u] = first
        v[u] = second
        w[u] -= step * first / (np.sqrt(second) * root + epsilon)
        square += g * g
    return float(square)


@_compiled(parallel=True)
def decode_and_update(
    weights: Array,
    bias: Array,
    moments: tuple[Array, Array, Array, Array],
    codes: Array,
    offsets: Array,
    indptr: Array,
    rows: Array,
    targets: Array,
    link: int,
    bounds: Array,
    per_rating: float,
    adam: Array,
    adam_of_bias: Array,
    parts: Array,
    to_codes: Array,
    gradient: Array,
    sums: Array,
) -> None:
    """Predicts every observed entry, and moves the decoder against the gradient of the squared error.

    Args:
        weights: (C, k) decoder weights, moved.
        bias: (C,) decoder bias, moved.
        moments: Adam's two of the weights, then of the bias, moved.
        codes: (B, k).
        offsets: (B,) added to each row's pre-activations.
        indptr: (C + 1,) where each column begins among the entries.
        rows: (n,) int32 row of each entry.
        targets: (n,) ratings.
        link: the output activation's number.
        bounds: shift and factor of the link, low and high end of the scale; float64, in rating units.
        per_rating: 2 / count: the derivative of the mean squared error by one squared error, over its error.
        adam: (7,) step size, 1 - beta1, beta2, 1 - beta2, 1 / sqrt(1 - beta2^t), epsilon, penalty.
        adam_of_bias: (7,) the same for the bias.
        parts: (T + 1,) first column of each thread.
        to_codes: (T, B, k) the gradient by the codes, one term of the sum a thread.
        gradient: (T, k) room for one column's gradient.
        sums: (T, 4) float64: squared errors, those of predictions clipped to the scale, squared length of the gradient.
    """
    units = weights.shape[1]
    number = weights.dtype.type
    for thread in numba.prange(len(parts) - 1):
        terms, g, total = to_codes[thread], gradient[thread], sums[thread]
        terms[:] = 0
        total[:] = 0.0
        one = np.zeros(1, dtype=weights.dtype)
        squares, clipped = 0.0, 0.0
        for column in range(parts[thread], parts[thread + 1]):
            w, b = weights[column], bias[column]
            g[:] = 0
            one[0] = 0
            e, end = indptr[column], indptr[column + 1]
            while e + 4 <= end:
                r0, r1, r2, r3 = rows[e], rows[e + 1], rows[e + 2], rows[e + 3]
                c0, c1, c2, c3 = codes[r0], codes[r1], codes[r2], codes[r3]
                z0, z1, z2, z3 = number(0), number(0), number(0), number(0)
                for u in range(units):
                    z0 += c0[u] * w[u]
                    z1 += c1[u] * w[u]
                    z2 += c2[u] * w[u]
                    z3 += c3[u] * w[u]
                d0, q0, s0 = _missed(link, bounds, float(z0 + b + offsets[r0]), float(targets[e]))
                d1, q1, s1 = _missed(link, bounds, float(z1 + b + offsets[r1]), float(targets[e + 1]))
                d2, q2, s2 = _missed(link, bounds, float(z2 + b + offsets[r2]), float(targets[e + 2]))
                d3, q3, s3 = _missed(link, bounds, float(z3 + b + offsets[r3]), float(targets[e + 3]))
                squares += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
                clipped += q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3
                e0, e1 = number(per_rating * d0 * s0), number(per_rating * d1 * s1)
                e2, e3 = number(per_rating * d2 * s2), number(per_rating * d3 * s3)
                t0, t1, t2, t3 = terms[r0], terms[r1], terms[r2], terms[r3]
                for u in range(units):
                    g[u] += e0 * c0[u] + e1 * c1[u] + e2 * c2[u] + e3 * c3[u]
                for u in range(units):
                    t0[u] += e0 * w[u]
                    t1[u] += e1 * w[u]
                for u in range(units):
                    t2[u] += e2 * w[u]
                    t3[u] += e3 * w[u]
                one[0] += e0 + e1 + e2 + e3
                e += 4
            while e < end:
                r0 = rows[e]
                c0, t0 = codes[r0], terms[r0]
                z0 = number(0)
                for u in range(units):
                    z0 += c0[u] * w[u]
                d0, q0, s0 = _missed(link, bounds, float(z0 + b + offsets[r0]), float(targets[e]))
                squares += d0 * d0
                clipped += q0 * q0
                e0 = number(per_rating * d0 * s0)
                for u in range(units):
                    g[u] += e0 * c0[u]
                    t0[u] += e0 * w[u]
                one[0] += e0
                e += 1
            total[2] += _update(w, g, moments[0][column], moments[1][column], adam)
            here = slice(column, column + 1)
            total[2] += _update(bias[here], one, moments[2][here], moments[3][here], adam_of_bias)
        total[0], total[1] = squares, clipped


@_compiled(parallel=True)
def update_encoder(
    weights: Array,
    moments: tuple[Array, Array],
    to_sums: Array,
    indptr: Array,
    rows: Array,
    inputs: Array,
    adam: Array,
    parts: Array,
    gradient: Array,
    sums: Array,
) -> None:
    """Moves the encoder's weights against the gradient `X^T @ to_sums`.

    Args:
        weights: (C, k) encoder weights, moved.
        moments: Adam's two, moved.
        to_sums: (B, k) the gradient by the encoder's product.
        indptr: (C + 1,) where each column begins among the entries.
        rows: (n,) int32 row of each entry.
        inputs: (n,) what the encoder read.
        adam: (7,) as in `decode_and_update`.
        parts: (T + 1,) first column of each thread.
        gradient: (T, k) room for one column's gradient.
        sums: (T, 4) float64, whose last is the squared length of the gradient.
    """
    units = weights.shape[1]
    for thread in numba.prange(len(parts) - 1):
        g, square = gradient[thread], 0.0
        for column in range(parts[thread], parts[thread + 1]):
            g[:] = 0
            e, end = indptr[column], indptr[column + 1]
            while e + 4 <= end:
                s0, s1, s2, s3 = to_sums[rows[e]], to_sums[rows[e + 1]], to_sums[rows[e + 2]], to_sums[rows[e + 3]]
                x0, x1, x2, x3 = inputs[e], inputs[e + 1], inputs[e + 2], inputs[e + 3]
                for u in range(units):
                    g[u] += x0 * s0[u] + x1 * s1[u] + x2 * s2[u] + x3 * s3[u]
                e += 4
            while e < end:
                s0, x0 = to_sums[rows[e]], inputs[e]
                for u in range(units):
                    g[u] += x0 * s0[u]
                e += 1
            square += _update(weights[column], g, moments[0][column], moments[1][column], adam)
        sums[thread, 3] = square
