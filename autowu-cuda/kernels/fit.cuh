// The hyper-parameters: singular values of the factor, then 100 steps of Adam on the evidence. One
// warp per curve.
#pragma once
#include "factor.cuh"

constexpr u32 SWEEPS = 16, ADAM_STEPS = 100;

// mu (of y - mean), s^2, sigma^2.
template <typename T> struct Hyper {
    T mean, output_scale, noise;
};

// Raw s^2 and sigma^2, Adam's moments, and the powers of its betas: ten numbers, as in
// autowu-core::gp::Fit.
template <typename T> struct Fit {
    T raw[2], first[3], second[3], powers[2];
};

// ln(1 + e^x), without overflow; the series as in autowu-core::real.
template <typename T> __device__ inline T softplus(T x) {
    T tail = exp_(-abs_(x));
    T log1p = tail < T(1e-4) ? tail * (T(1) - tail * T(0.5)) : log_(T(1) + tail);
    return max_(x, T(0)) + log1p;
}
template <typename T> __device__ inline T sigmoid(T x) {
    T tail = exp_(-abs_(x)), upper = T(1) / (T(1) + tail);
    return x >= T(0) ? upper : tail * upper;
}
template <typename T> __device__ inline Hyper<T> hyper_of(const Fit<T> &fit, T mean) {
    return {mean, softplus(fit.raw[0]), T(1e-4) + softplus(fit.raw[1])};
}

// The 31 rounds of a tournament of 32: lane 31 stays, the others meet p + q = 2 round (mod 31).
__device__ inline u32 partner(u32 lane, u32 round) {
    if (lane == R - 1) return round;
    u32 other = (2 * round + (R - 1) - lane) % (R - 1);
    return other == lane ? R - 1 : other;
}

// One-sided Jacobi rotations on the rows of the triangle, one row per lane, 16 pairs at a time. On
// return `lambda` is the squared length of this lane's row, and `z`, `o` have been rotated with it.
template <typename T> __device__ inline T spectrum(const Scratch<T> &scratch, T &z, T &o) {
    u32 lane = lane_index();
    T a[R];
#pragma unroll
    for (u32 j = 0; j < R; j++) a[j] = j >= lane ? scratch.triangle[lane][j] : T(0);
    const T epsilon = Real<T>::epsilon;
    auto square = [&] {
        T s[4] = {T(0), T(0), T(0), T(0)};
#pragma unroll
        for (u32 j = 0; j < R; j++) s[j % 4] += a[j] * a[j];
        return (s[0] + s[2]) + (s[1] + s[3]);
    };
    for (u32 sweep = 0; sweep < SWEEPS; sweep++) {
        bool rotated = false;
        for (u32 round = 0; round < R - 1; round++) {
            u32 other = partner(lane, round);
            bool first = lane < other;
            T b[R], s[4] = {T(0), T(0), T(0), T(0)};
#pragma unroll
            for (u32 j = 0; j < R; j++) {
                b[j] = __shfl_sync(ALL, a[j], other);
                s[j % 4] += a[j] * b[j];
            }
            T cross = (s[0] + s[2]) + (s[1] + s[3]);
            T own = square(), others = __shfl_sync(ALL, own, other);
            T other_z = __shfl_sync(ALL, z, other), other_o = __shfl_sync(ALL, o, other);
            // Both lanes of a pair come to the same angle: their sums are the same bits.
            if (!(abs_(cross) > epsilon * sqrt_(own * others)) ||
                !(max_(own, others) > epsilon * epsilon))
                continue;
            rotated = true;
            T zeta = (first ? others - own : own - others) / (cross + cross);
            T t = (zeta < T(0) ? T(-1) : T(1)) / (abs_(zeta) + sqrt_(T(1) + zeta * zeta));
            T c = T(1) / sqrt_(T(1) + t * t), turn = first ? -c * t : c * t;
#pragma unroll
            for (u32 j = 0; j < R; j++) a[j] = c * a[j] + turn * b[j];
            z = c * z + turn * other_z;
            o = c * o + turn * other_o;
        }
        if (!__ballot_sync(ALL, rotated)) break;
    }
    return square();
}

// Adam (rate 0.01, beta 0.9 and 0.999, epsilon 1e-8) on the negative log evidence per sample; see
// autowu-core::gp::Spectrum.
template <typename T>
__device__ inline Hyper<T> run(Fit<T> &fit, const Sides<T> &sides, T lambda, T z, T o, u32 n) {
    T half = T(0.5), mean = 0, count = T(n > 1 ? n : 1), spread = T(n) - T(R);
    for (u32 step = 0; step < ADAM_STEPS; step++) {
        Hyper<T> at = hyper_of(fit, mean);
        T inverse_noise = T(1) / at.noise;
        T rest = max_(sides.zz - mean * (sides.zo + sides.zo) + mean * mean * sides.oo, T(0));
        T inverse = T(1) / (at.output_scale * lambda + at.noise);
        T c = (z - mean * o) * inverse, g = half * (inverse - c * c);
        T d_mean = o * c, d_scale = lambda * g;
        sum_two(d_mean, d_scale);
        T slope[3] = {
            ((mean * sides.oo - sides.zo) * inverse_noise - d_mean) / count,
            d_scale / count * sigmoid(fit.raw[0]),
            (half * inverse_noise * (spread - rest * inverse_noise) + sum(g)) / count *
                sigmoid(fit.raw[1]),
        };
        fit.powers[0] *= T(0.9);
        fit.powers[1] *= T(0.999);
        T moved[3];
#pragma unroll
        for (u32 i = 0; i < 3; i++) {
            fit.first[i] = T(0.9) * fit.first[i] + T(1.0 - 0.9) * slope[i];
            fit.second[i] = T(0.999) * fit.second[i] + T(1.0 - 0.999) * slope[i] * slope[i];
            T first = fit.first[i] / (T(1) - fit.powers[0]),
              second = fit.second[i] / (T(1) - fit.powers[1]);
            moved[i] = T(0.01) * first / (sqrt_(second) + T(1e-8));
        }
        mean -= moved[0];
        fit.raw[0] -= moved[1];
        fit.raw[1] -= moved[2];
    }
    return hyper_of(fit, mean);
}

template <typename T>
__device__ inline void fit_curve(Scratch<T> &scratch, const Curve &curve, const T *losses,
                                 const View<T> &view, u32 samples, const Params &params,
                                 Fit<T> *fit, Hyper<T> *hyper) {
    if (samples == 0 || samples < curve.fewest) return;
    u32 size = samples < params.fit_samples ? samples : params.fit_samples;
    Sides<T> sides;
    u32 n = factor(scratch, sides, curve, losses, view, 0, size, T(params.length_scale));
    T z = sides.z, o = sides.o, lambda = spectrum(scratch, z, o);
    Fit<T> state = *fit;
    Hyper<T> found = run(state, sides, lambda, z, o, n);
    found.noise = max_(found.noise, view.scatter);
    if (lane_index() == 0) {
        *fit = state;
        *hyper = found;
    }
}
