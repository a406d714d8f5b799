// The triangular factor of a subset: Householder reflections on blocks of 32 rows. One warp, one
// lane per feature.
//
// Rows [phi(x_i) | y_i | 1]. Lane j keeps column j of the block in registers; the right-hand sides
// lie across the lanes, row i of the block on lane i. The pivot's column goes through shared
// memory, so a step costs 64 multiply-adds, 8 vector loads and 11 shuffles per lane, whatever n is.
// (autowu-core::gp::Factor adds up normal equations in double precision instead: squares lose half
// of the digits, and single precision has none to lose.)
#pragma once
#include "curve.cuh"

// Shared memory of one warp. Rows of `triangle` start at multiples of 16 bytes, so that 16 bytes
// are read at a time.
template <typename T> struct alignas(16) Scratch {
    static constexpr u32 STRIDE = R + 16 / sizeof(T);
    T triangle[R][STRIDE];  // C, later P with the inverse of its diagonal on the diagonal
    T pivot[2][R];          // by turns, so that one barrier a step is enough; later the weights
    T tile[R][R + 1];       // rows on their way to columns; later the posterior means
};

// What every lane carries beside the triangle: row `lane` of the reduced right-hand sides, and the
// sums of the rests.
template <typename T> struct Sides {
    T z, o, zz, zo, oo;
};

template <typename T> __device__ inline T location(u32 i, T middle, u32 n) {
    return (T(i) + middle) / T(n);
}

// phi_0 = exp(-u^2/2), phi_j = phi_{j-1} u / sqrt(j), u = (x - 1/2)/length_scale; f(j, phi_j) for
// every j.
template <typename T, typename F> __device__ inline void features(T x, T length_scale, F f) {
    T u = (x - T(0.5)) / length_scale;
    T phi = exp_(-u * u * T(0.5));
#pragma unroll
    for (u32 j = 0; j < R; j++) {
        if (j > 0) phi *= u * T(INVERSE_SQRT[j]);
        f(j, phi);
    }
}

template <typename T> __device__ inline void clear(Scratch<T> &scratch, Sides<T> &sides) {
    u32 lane = lane_index();
    for (u32 k = 0; k < R; k++) scratch.triangle[k][lane] = T(0);
    sides = {T(0), T(0), T(0), T(0), T(0)};
    __syncwarp();
}

// Reduces [triangle; block] to triangular form: `a` is this lane's column, `y` and `one` this
// lane's row of the block.
template <typename T>
__device__ inline void absorb(Scratch<T> &scratch, Sides<T> &sides, T (&a)[R], T y, T one) {
    u32 lane = lane_index();
    for (u32 k = 0; k < R; k++) {
        T *v = scratch.pivot[k % 2];
        if (lane == k) {
#pragma unroll
            for (u32 i = 0; i < R; i++) v[i] = a[i];
        }
        __syncwarp();
        T s[4] = {T(0), T(0), T(0), T(0)};
#pragma unroll
        for (u32 i = 0; i < R; i++) s[i % 4] += v[i] * a[i];
        T dot = (s[0] + s[2]) + (s[1] + s[3]);
        T below = __shfl_sync(ALL, dot, k);
        if (!(below > T(0))) continue;
        T c = scratch.triangle[k][lane], alpha = __shfl_sync(ALL, c, k);
        T norm = sqrt_(alpha * alpha + below);
        T beta = alpha > T(0) ? -norm : norm;  // no cancellation in alpha - beta
        T inverse = T(1) / (alpha - beta), tau = (beta - alpha) / beta;
        if (lane > k) {
            T w = tau * (c + inverse * dot);
            scratch.triangle[k][lane] = c - w;
            w *= inverse;
#pragma unroll
            for (u32 i = 0; i < R; i++) a[i] -= w * v[i];
        } else if (lane == k) {
            scratch.triangle[k][lane] = beta;
        }
        T mine = v[lane], dot_y = mine * y, dot_one = mine * one;
        sum_two(dot_y, dot_one);
        T w_y = tau * (__shfl_sync(ALL, sides.z, k) + inverse * dot_y);
        T w_one = tau * (__shfl_sync(ALL, sides.o, k) + inverse * dot_one);
        if (lane == k) {
            sides.z -= w_y;
            sides.o -= w_one;
        }
        y -= w_y * inverse * mine;
        one -= w_one * inverse * mine;
    }
    sides.zz += sum(y * y);
    sides.zo += sum(y * one);
    sides.oo += sum(one * one);
    __syncwarp();
}

// The factor of the first `size` finite losses in the order of subset number `subset`. Returns how
// many they were.
template <typename T>
__device__ inline u32 factor(Scratch<T> &scratch, Sides<T> &sides, const Curve &curve,
                             const T *losses, const View<T> &view, u32 subset, u32 size,
                             T length_scale) {
    u32 lane = lane_index(), taken = 0;
    Permutation order = permutation(curve, subset);
    clear(scratch, sides);
    for (u32 base = 0; base < curve.length && taken < size; base += R) {
        u32 i = base + lane < curve.length ? permuted(order, base + lane) : 0;
        T loss = losses[curve.offset + i];
        bool there = base + lane < curve.length && finite(loss);
        u32 mask = __ballot_sync(ALL, there);
        there = there && taken + __popc(mask & ((1u << lane) - 1)) < size;
        taken += __popc(mask);
        // A row that is not there is a row of zeros, which changes nothing.
        T keep = there ? T(1) : T(0);
        features(location(i, T(curve.middle), curve.length), length_scale,
                 [&](u32 j, T phi) { scratch.tile[lane][j] = keep * phi; });
        __syncwarp();
        T a[R];
#pragma unroll
        for (u32 row = 0; row < R; row++) a[row] = scratch.tile[row][lane];
        __syncwarp();
        absorb(scratch, sides, a, there ? seen(view, loss) : T(0), keep);
    }
    return taken < size ? taken : size;
}
