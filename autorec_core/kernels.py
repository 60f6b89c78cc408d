"""The passes of a training step, compiled.

A step first goes through its batch row by row: the products with the encoder's weights give the codes, those with the
decoder's the predictions and the gradient by the codes. Then it goes through it column by column: all that a column
does (the gradient of its weights, and Adam's update of them) happens while its weights lie in the nearest cache, so
that no gradient is ever written to memory. Autograd's sparse products and a fused Adam move the weights several times.

Shapes: a batch has `B` rows, `C` columns and `n` observed entries; the code has `k` units. Its entries stand in blocks
of neighbouring columns, whose weights fit into a cache, and row by row within a block; what one row has in one block is
a segment. A thread takes some of the blocks, with all that belongs to their columns: cores that write what others read
wait for each other. Only sums as long as the batch, a term a thread, go between them: (T, B, k). So the result depends
on T alone, never on which thread comes first.

The loops are written for the compiler. Four entries at a time share each load and store of the sum; a loop writes one
array, as more would take the compiler more tests for overlap than it makes, and it would not vectorise. Nothing that
two threads write lies in one line of the cache.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np

Array = np.ndarray[Any, Any]

ACTIVATIONS = {"identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3, "selu": 4}
"""The activations, of codes and of outputs, by the numbers that the compiled code knows them by."""
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
# Sums may be taken in another order and products fused; infinities and NaN keep their meaning, they tell divergence.
# A division that looks for a zero first would not be vectorised.
_MODE: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "error_model": "numpy"}


def _compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiles a function when it is first called, and keeps the code on disk where there is a place for it."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return cast("Callable[..., Any]", numba.njit(cache=True, **_MODE, **options)(function))
        except RuntimeError:  # neither the package's folder nor the user's cache can be written
            return cast("Callable[..., Any]", numba.njit(**_MODE, **options)(function))

    return decorate


def _shared_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """A pass that is called with the number of threads first: several share it out, one goes without their machinery.

    That waits for every thread of the process, work or none: on a busy machine, far longer than a small pass takes.
    """
    together = _compiled(parallel=True)(function)
    again = types.FunctionType(function.__code__, function.__globals__)
    again.__qualname__ = f"{function.__qualname__}_alone"  # its compiled code must not lie in the other's place on disk
    alone = _compiled()(again)

    @functools.wraps(function)
    def run(threads: int, *given: Any) -> None:
        (alone if threads == 1 else together)(*given)

    return run


def _inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for the compiled ones alone."""
    return cast("Callable[..., Any]", numba.njit(**_MODE, inline="always")(function))


def make_threads() -> None:
    """Makes the threads of the passes, which otherwise happens when the first of them is called.

    It sets the number of threads of the whole process's OpenMP, torch's among them, to what the machine has.
    """
    numba.get_num_threads()


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


@_inlined
def _bound(share: float) -> Any:
    """Below it, a hash drops."""
    return np.uint32(min(share * 4294967296.0, 4294967295.0))


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
    bound = _bound(share)
    kept = out.dtype.type(1.0 / (1.0 - share))
    nothing = out.dtype.type(0.0)
    for e in range(len(values)):
        out[e] = values[e] * kept if _hashed(positions[e], seed) >= bound else nothing


@_inlined
def _not_zero(places: Array, values: Array, left: Array, kept: Array) -> int:
    """Moves the values that are not 0, and their places, to the front of two other arrays; how many there are."""
    number = 0
    for e in range(len(values)):
        left[number], kept[number] = places[e], values[e]
        number += values[e] != 0
    return number


@_inlined
def _gather(sums: Array, weights: Array, places: Array, values: Array, number: int) -> None:
    """Adds rows of weights, each times its value: `sums += values @ weights[places]`."""
    units = weights.shape[1]
    e = 0
    while e + 4 <= number:
        w0, w1, w2, w3 = weights[places[e]], weights[places[e + 1]], weights[places[e + 2]], weights[places[e + 3]]
        x0, x1, x2, x3 = values[e], values[e + 1], values[e + 2], values[e + 3]
        for u in range(units):
            sums[u] += x0 * w0[u] + x1 * w1[u] + x2 * w2[u] + x3 * w3[u]
        e += 4
    while e < number:
        w0, x0 = weights[places[e]], values[e]
        for u in range(units):
            sums[u] += x0 * w0[u]
        e += 1


@_inlined
def _add_up(terms: Array) -> None:
    """Adds all threads' terms (T, B, k) to the first's. On one thread: two would wait for each other for longer."""
    total = terms[0]
    for thread in range(1, len(terms)):
        for row in range(len(total)):
            t, more = total[row], terms[thread, row]
            for u in range(len(t)):
                t[u] += more[u]


@_shared_out
def encode(
    weights: Array,
    starts: Array,
    segments: tuple[Array, Array],
    columns: Array,
    inputs: Array,
    positions: Array,
    seed: Any,
    share: float,
    places: Array,
    kept: Array,
    out: Array,
) -> None:
    """The encoder's product `X @ V`, after dropout of the inputs.

    Args:
        weights: (C, k) encoder weights.
        starts: (T + 1,) first segment of each thread.
        segments: (S,) int32 row of each segment; (S + 1,) int32 where each begins among the entries.
        columns: (n,) int32 column of each entry.
        inputs: (n,) what the encoder would read.
        positions: (n,) int32 that dropout hangs on.
        seed: uint64, of dropout.
        share: of the inputs that are dropped.
        places: (n,) int32 where each entry stands in the order of columns.
        kept: (n,) what the encoder reads, in that order, a result; left alone where nothing is dropped.
        out: (T, B, k) the terms of the product; the first becomes the product, a result.
    """
    rows, begins = segments
    bound = _bound(share)
    scale, nothing = kept.dtype.type(1.0 / (1.0 - share)), kept.dtype.type(0.0)
    for thread in numba.prange(len(starts) - 1):
        terms = out[thread]
        terms[:] = 0
        first, last = begins[starts[thread]], begins[starts[thread + 1]]
        if share > 0.0:
            x = inputs[first:last].copy()
            for e in range(last - first):  # in a loop of its own, which is made into vectors
                x[e] = x[e] * scale if _hashed(positions[first + e], seed) >= bound else nothing
            for e in range(last - first):
                kept[places[first + e]] = x[e]
            left, values = np.empty(len(weights) + 1, dtype=np.int32), np.empty(len(weights) + 1, dtype=kept.dtype)
            for segment in range(starts[thread], starts[thread + 1]):
                begin, end = begins[segment], begins[segment + 1]
                # What was dropped is passed over; to look for it takes a fifth of the time of a product.
                number = _not_zero(columns[begin:end], x[begin - first : end - first], left, values)
                _gather(terms[rows[segment]], weights, left, values, number)
        else:
            for segment in range(starts[thread], starts[thread + 1]):
                begin, end = begins[segment], begins[segment + 1]
                _gather(terms[rows[segment]], weights, columns[begin:end], inputs[begin:end], end - begin)
    _add_up(out)


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
def _slope(link: int, y: float) -> float:
    """The slope of an activation where it gives y."""
    if link == 0:
        return 1.0
    if link == 1:
        return y * (1.0 - y)
    if link == 2:
        return 1.0 - y * y
    if link == 3:
        return 1.0 if y > 0.0 else 0.0
    return SELU_SCALE if y > 0.0 else y + SELU_SCALE * SELU_ALPHA


@_compiled()
def through_code(link: int, codes: Array, mask: Array, to_codes: Array, to_bias: Array) -> None:
    """Takes a gradient by the codes back through their dropout and activation, in place.

    Args:
        link: the hidden activation's number.
        codes: (B, k) before dropout.
        mask: (B, k) that dropout multiplies them by; (0, k) without dropout.
        to_codes: (B, k) the gradient by the codes after dropout; becomes that by the encoder's product.
        to_bias: (k,) the gradient by the encoder's bias, a result.
    """
    one = codes.dtype.type(1)
    to_bias[:] = 0
    for row in range(len(codes)):
        c, t = codes[row], to_codes[row]
        if len(mask):
            for u in range(len(c)):
                t[u] *= mask[row, u]
        for u in range(len(c)):
            t[u] *= one * codes.dtype.type(_slope(link, c[u]))
        for u in range(len(c)):
            to_bias[u] += t[u]


@_inlined
def _missed(link: int, scale: Array, z: float, target: float) -> tuple[float, float, float]:
    """How far an entry's prediction is off: plain, and clipped to the scale; and the slope of the prediction by z."""
    y, slope = _activated(link, z)
    predicted = scale[0] + scale[1] * y
    return predicted - target, min(max(predicted, scale[2]), scale[3]) - target, scale[1] * slope


@_shared_out
def decode(
    weights: Array,
    bias: Array,
    codes: Array,
    offsets: Array,
    starts: Array,
    segments: tuple[Array, Array],
    columns: Array,
    targets: Array,
    places: Array,
    link: int,
    scale: Array,
    per_rating: float,
    errors: Array,
    to_codes: Array,
    sums: Array,
) -> None:
    """Predicts every observed entry; the gradients of the mean squared error by the pre-activations and by the codes.

    Args:
        weights: (C, k) decoder weights.
        bias: (C,) decoder bias.
        codes: (B, k).
        offsets: (B,) added to each row's pre-activations.
        starts: (T + 1,) first segment of each thread.
        segments: (S,) int32 row of each segment; (S + 1,) int32 where each begins among the entries.
        columns: (n,) int32 column of each entry.
        targets: (n,) ratings.
        places: (n,) int32 where each entry stands in the order of columns.
        link: the output activation's number.
        scale: shift and factor of the link, low and high end of the scale; float64, in rating units.
        per_rating: 2 / count: the derivative of the mean squared error by one squared error, over its error.
        errors: (n,) the gradient by the pre-activations, in the order of columns, a result.
        to_codes: (T, B, k) the terms of the gradient by the codes; the first becomes the gradient, a result.
        sums: (T, 8) float64, a result: squared errors, and those of predictions clipped to the scale.
    """
    units = weights.shape[1]
    number = weights.dtype.type
    rows, begins = segments
    for thread in numba.prange(len(starts) - 1):
        terms = to_codes[thread]
        terms[:] = 0
        squares, clipped = 0.0, 0.0
        for segment in range(starts[thread], starts[thread + 1]):
            row = rows[segment]
            c, t, offset = codes[row], terms[row], offsets[row]
            e, end = begins[segment], begins[segment + 1]
            while e + 4 <= end:
                k0, k1, k2, k3 = columns[e], columns[e + 1], columns[e + 2], columns[e + 3]
                w0, w1, w2, w3 = weights[k0], weights[k1], weights[k2], weights[k3]
                z0, z1, z2, z3 = number(0), number(0), number(0), number(0)
                for u in range(units):
                    z0 += c[u] * w0[u]
                    z1 += c[u] * w1[u]
                    z2 += c[u] * w2[u]
                    z3 += c[u] * w3[u]
                d0, q0, s0 = _missed(link, scale, float(z0 + bias[k0] + offset), float(targets[e]))
                d1, q1, s1 = _missed(link, scale, float(z1 + bias[k1] + offset), float(targets[e + 1]))
                d2, q2, s2 = _missed(link, scale, float(z2 + bias[k2] + offset), float(targets[e + 2]))
                d3, q3, s3 = _missed(link, scale, float(z3 + bias[k3] + offset), float(targets[e + 3]))
                squares += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
                clipped += q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3
                e0, e1 = number(per_rating * d0 * s0), number(per_rating * d1 * s1)
                e2, e3 = number(per_rating * d2 * s2), number(per_rating * d3 * s3)
                errors[places[e]], errors[places[e + 1]] = e0, e1
                errors[places[e + 2]], errors[places[e + 3]] = e2, e3
                for u in range(units):
                    t[u] += e0 * w0[u] + e1 * w1[u] + e2 * w2[u] + e3 * w3[u]
                e += 4
            while e < end:
                w0 = weights[columns[e]]
                z0 = number(0)
                for u in range(units):
                    z0 += c[u] * w0[u]
                d0, q0, s0 = _missed(link, scale, float(z0 + bias[columns[e]] + offset), float(targets[e]))
                squares += d0 * d0
                clipped += q0 * q0
                e0 = number(per_rating * d0 * s0)
                errors[places[e]] = e0
                for u in range(units):
                    t[u] += e0 * w0[u]
                e += 1
        sums[thread, 0], sums[thread, 1] = squares, clipped
    _add_up(to_codes)


@_inlined
def _update(w: Array, gradient: Array, m: Array, v: Array, adam: Array) -> float:
    """Moves weights against their gradient as Adam does; returns the gradient's squared length.

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


@_shared_out
def update(
    weights: Array,
    bias: Array,
    moments: tuple[Array, Array, Array, Array],
    to_weights: Array,
    indptr: Array,
    rows: Array,
    values: Array,
    are_dropped: bool,
    adam: Array,
    adam_of_bias: Array,
    parts: Array,
    sums: Array,
) -> None:
    """Moves a matrix of weights against the gradient `X^T @ to_weights` of a sparse X, and its bias against `X^T @ 1`.

    Args:
        weights: (C, k), moved.
        bias: (C,), moved; (0,) where there is none.
        moments: Adam's two of the weights, then of the bias, moved.
        to_weights: (B, k), the other side's values: the codes for the decoder, their gradient for the encoder.
        indptr: (C + 1,) where each column begins among the entries in the order of columns.
        rows: (n,) int32 row of each entry, in that order.
        values: (n,) of X, in that order.
        are_dropped: whether many of them are 0, which are passed over.
        adam: (7,) step size, 1 - beta1, beta2, 1 - beta2, 1 / sqrt(1 - beta2^t), epsilon, penalty.
        adam_of_bias: (7,) the same for the bias.
        parts: (T + 1,) first column of each thread.
        sums: (T, 8) float64, a result: squared length of the gradient.
    """
    units = weights.shape[1]
    for thread in numba.prange(len(parts) - 1):
        first, last = parts[thread], parts[thread + 1]
        g, square = np.empty(units, dtype=weights.dtype), 0.0
        to_bias = np.empty(last - first, dtype=weights.dtype)
        left, x = np.empty(len(to_weights) + 1, dtype=np.int32), np.empty(len(to_weights) + 1, dtype=values.dtype)
        for column in range(first, last):
            g[:] = 0
            begin, end = indptr[column], indptr[column + 1]
            if are_dropped:
                number = _not_zero(rows[begin:end], values[begin:end], left, x)
                _gather(g, to_weights, left, x, number)
            else:
                _gather(g, to_weights, rows[begin:end], values[begin:end], end - begin)
            square += _update(weights[column], g, moments[0][column], moments[1][column], adam)
            if len(bias):
                to_bias[column - first] = values[begin:end].sum()
        if len(bias):  # all of a thread at once: column by column it would take longer than the weights beside it
            square += _update(bias[first:last], to_bias, moments[2][first:last], moments[3][first:last], adam_of_bias)
        sums[thread, 0] = square


@_compiled()
def move(weights: Array, gradient: Array, moments: tuple[Array, Array], adam: Array) -> float:
    """Moves any weights against their gradient; returns the squared length of the objective's gradient.

    Args:
        weights: (s,), moved.
        gradient: (s,), without the penalty's.
        moments: Adam's two, moved.
        adam: as in `update`.
    """
    return float(_update(weights, gradient, moments[0], moments[1], adam))
