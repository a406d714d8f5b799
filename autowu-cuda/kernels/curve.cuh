// What a test is given: the rules, the record of each curve, and the order of its losses.
#pragma once
#include "warp.cuh"

// `TestRules` of the host; the same for every curve of a launch. Layout: batch.rs.
struct Params {
    double length_scale, subset_fraction;
    u32 fit_samples, test_samples, min_samples, votes;
    u32 standardise, clip, noise_groups;
};

// One curve. `middle` is the place of an entry within the losses that it is the mean of:
// (resolution - 1)/(2 resolution).
struct Curve {
    u64 offset, seed, test;
    double middle;
    u32 length, fewest;
};

// How the GP sees a curve: y = (min(loss, ceiling) - center)/scale - mean.
template <typename T> struct View {
    T ceiling, center, scale, mean, scatter;
};

template <typename T> __device__ inline T seen(const View<T> &view, T loss) {
    T half = T(0.5);  // so that the difference of two huge losses does not overflow
    return ((min_(loss, view.ceiling) * half - view.center * half) / view.scale) * T(2) - view.mean;
}

// Losses that one vote sees: min(test_samples, max(min_samples, ceil(fraction n)), n).
__device__ inline u32 vote_size(const Params &params, u32 samples) {
    double exact = params.subset_fraction * double(samples);
    u32 share = u32(exact);
    share += double(share) < exact;
    share = share > params.min_samples ? share : params.min_samples;
    share = share < params.test_samples ? share : params.test_samples;
    return share < samples ? share : samples;
}

// autowu-core::sampling: six Feistel rounds on an even number of bits that holds n, walked until
// below n.
constexpr u32 ROUNDS = 6, FEWEST_HALF_BITS = 3;
struct Permutation {
    u32 n, half_bits, keys[ROUNDS];
};

__device__ inline u64 mix(u64 z) {
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

__device__ inline Permutation permutation(const Curve &curve, u32 subset) {
    Permutation p;
    p.n = curve.length;
    u32 bits = p.n > 1 ? 32 - __clz(int(p.n - 1)) : 0;
    p.half_bits = (bits + 1) / 2;
    p.half_bits = p.half_bits > FEWEST_HALF_BITS ? p.half_bits : FEWEST_HALF_BITS;
    u64 key = mix(mix(mix(curve.seed) ^ curve.test) ^ subset);
    for (u32 round = 0; round < ROUNDS; round++) p.keys[round] = u32(mix(key ^ round) >> 32);
    return p;
}

__device__ inline u32 permuted(const Permutation &p, u32 i) {
    u32 mask = (1u << p.half_bits) - 1;
    do {
        u32 left = i >> p.half_bits, right = i & mask;
        for (u32 round = 0; round < ROUNDS; round++) {
            u32 f = (right ^ p.keys[round]) * 0x9e3779b1u;
            f = (f ^ (f >> 15)) * 0x85ebca77u;
            f ^= f >> 13;
            u32 next = left ^ (f & mask);
            left = right;
            right = next;
        }
        i = (left << p.half_bits) | right;
    } while (i >= p.n);
    return i;
}
