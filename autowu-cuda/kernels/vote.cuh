// One vote: the posterior given a subset, and the probability that the loss has passed its minimum
// (eq. 4).
//
// One warp per (curve, vote). The posterior's factor is made with one lane per feature; then the
// lanes change sides: one lane per location, each with its own forward substitution in registers,
// reading the triangle 16 bytes at a time.
#pragma once
#include "fit.cuh"

constexpr u32 LOCATIONS = 500;
constexpr u32 BATCHES = (LOCATIONS + R - 1) / R;

template <typename T> struct Inference {
    T probability, descent;
    u32 argmin;
};

// The triangle becomes P of P'P = C'C/sigma^2 + I/s^2, with 1/P_jj on its diagonal; the weights go
// to pivot[0].
template <typename T>
__device__ inline void condition(Scratch<T> &scratch, Sides<T> &sides, const Hyper<T> &hyper) {
    u32 lane = lane_index();
    T precision = T(1) / sqrt_(hyper.noise), prior = T(1) / sqrt_(hyper.output_scale);
    for (u32 k = 0; k < R; k++) scratch.triangle[k][lane] *= precision;
    sides.z = (sides.z - hyper.mean * sides.o) * precision;
    __syncwarp();
    T a[R];
#pragma unroll
    for (u32 i = 0; i < R; i++) a[i] = i == lane ? prior : T(0);
    absorb(scratch, sides, a, T(0), T(0));
    T inverse = T(1) / scratch.triangle[lane][lane];
    T z = sides.z, weight = 0;
    for (u32 k = R; k-- > 0;) {
        T w = __shfl_sync(ALL, z * inverse, k);
        if (lane == k) weight = w;
        if (lane < k) z -= scratch.triangle[lane][k] * w;
    }
    scratch.triangle[lane][lane] = inverse;
    scratch.pivot[0][lane] = weight;
    __syncwarp();
}

// Var[f(x) - f(far)] = |P^-T (phi(x) - phi(far))|^2, for the x and far of this lane.
template <typename T>
__device__ inline T variance(const Scratch<T> &scratch, T x, T far, T length_scale) {
    T a[R], total = 0;
    features(x, length_scale, [&](u32 j, T phi) { a[j] = phi; });
    features(far, length_scale, [&](u32 j, T phi) { a[j] -= phi; });
#pragma unroll
    for (u32 k = 0; k < R; k++) {
        T v = a[k] * scratch.triangle[k][k];
        total += v * v;
#pragma unroll
        for (u32 j = k + 1; j < R; j++) a[j] -= scratch.triangle[k][j] * v;
    }
    return total;
}

template <typename T> __device__ inline T normal_cdf(T z) {
    return T(0.5) * erfc_(-z * T(0.70710678118654752));
}

template <typename T>
__device__ inline Inference<T> past_minimum(Scratch<T> &scratch, const Hyper<T> &hyper,
                                            T length_scale) {
    u32 lane = lane_index();
    const u32 last = LOCATIONS - 1;
    const T floor = T(1e-4);
    T *means = &scratch.tile[0][0];
    T lowest = Real<T>::largest;
    u32 argmin = ALL;
    for (u32 batch = 0; batch < BATCHES; batch++) {
        u32 i = batch * R + lane;
        T mean = hyper.mean;
        features(location(i, T(0), last), length_scale,
                 [&](u32 j, T phi) { mean += phi * scratch.pivot[0][j]; });
        means[i] = mean;
        if (i <= last && mean < lowest) {
            lowest = mean;
            argmin = i;
        }
    }
    extreme(lowest, argmin, T(1));
    if (argmin == ALL) argmin = 0;  // no mean is a number
    __syncwarp();
    // The largest z first, the normal distribution once. A z above `best` needs a difference above
    // best sqrt(floor) or, below zero, above best sqrt(2 s^2 + floor); the batch of the lowest mean
    // comes first, so that most others are passed over.
    T now = means[last], narrow = sqrt_(floor),
      wide = sqrt_(hyper.output_scale + hyper.output_scale + floor);
    T best = -Real<T>::largest;
    for (u32 k = 0; k < BATCHES; k++) {
        u32 i = (argmin / R + k) % BATCHES * R + lane;
        T difference = now - means[i];
        bool matters = i < last && difference / (difference > T(0) ? narrow : wide) > best;
        if (!__ballot_sync(ALL, matters)) continue;
        T z = difference /
              sqrt_(variance(scratch, location(i, T(0), last), T(1), length_scale) + floor);
        best = max_(best, largest(i < last ? z : -Real<T>::largest));
    }
    T highest = -Real<T>::largest;
    u32 top = ALL;
    for (u32 i = lane; i < argmin; i += R) {
        if (means[i] > highest) {
            highest = means[i];
            top = i;
        }
    }
    extreme(highest, top, T(-1));
    T descent = 0;
    if (argmin > 0 && top != ALL) {
        T spread = variance(scratch, location(top, T(0), last), location(argmin, T(0), last),
                            length_scale);
        descent = normal_cdf((means[top] - means[argmin]) / sqrt_(spread + floor));
    }
    return {normal_cdf(best), descent, argmin};
}

template <typename T>
__device__ inline void vote_curve(Scratch<T> &scratch, const Curve &curve, const T *losses,
                                  const View<T> &view, u32 samples, const Hyper<T> &hyper,
                                  const Params &params, u32 vote, Inference<T> *votes) {
    if (samples == 0 || samples < curve.fewest) return;
    u32 size = vote_size(params, samples);
    bool same = size == samples;  // every vote sees every loss: the first is all
    if (same && vote > 0) return;
    Sides<T> sides;
    factor(scratch, sides, curve, losses, view, vote + 1, size, T(params.length_scale));
    condition(scratch, sides, hyper);
    Inference<T> inference = past_minimum(scratch, hyper, T(params.length_scale));
    u32 lane = lane_index();
    if (lane == 0) votes[vote] = inference;
    if (same && lane > 0 && lane < params.votes) votes[lane] = inference;
}
