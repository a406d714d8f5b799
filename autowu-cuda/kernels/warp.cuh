// The warp: what 32 lanes do together, and the numbers of both precisions.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

// R: features of the kernel = lanes of a warp = rows of one block of samples.
constexpr u32 R = 32;
constexpr u32 ALL = 0xffffffffu;

template <typename T> struct Real;
template <> struct Real<float> {
    static constexpr float largest = 3.402823466e38f, epsilon = 1.1920929e-7f;
};
template <> struct Real<double> {
    static constexpr double largest = 1.7976931348623157e308, epsilon = 2.220446049250313e-16;
};

__device__ inline float exp_(float x) { return expf(x); }
__device__ inline double exp_(double x) { return exp(x); }
__device__ inline float log_(float x) { return logf(x); }
__device__ inline double log_(double x) { return log(x); }
__device__ inline float sqrt_(float x) { return sqrtf(x); }
__device__ inline double sqrt_(double x) { return sqrt(x); }
__device__ inline float erfc_(float x) { return erfcf(x); }
__device__ inline double erfc_(double x) { return erfc(x); }

template <typename T> __device__ inline T abs_(T x) { return x < T(0) ? -x : x; }
template <typename T> __device__ inline T max_(T a, T b) { return a > b ? a : b; }
template <typename T> __device__ inline T min_(T a, T b) { return a < b ? a : b; }
// False for NaN too.
template <typename T> __device__ inline bool finite(T x) {
    return x >= -Real<T>::largest && x <= Real<T>::largest;
}

__device__ inline u32 lane_index() { return threadIdx.x % R; }

// Butterflies: every lane ends with the same bits, because a + b = b + a.
template <typename T> __device__ inline T sum(T x) {
    for (u32 step = R / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}
template <typename T> __device__ inline T largest(T x) {
    for (u32 step = R / 2; step > 0; step /= 2) x = max_(x, __shfl_xor_sync(ALL, x, step));
    return x;
}
template <typename T> __device__ inline T smallest(T x) {
    for (u32 step = R / 2; step > 0; step /= 2) x = min_(x, __shfl_xor_sync(ALL, x, step));
    return x;
}

// Two sums for little more than one: after the first exchange each half of the warp goes on with
// one of them.
template <typename T> __device__ inline void sum_two(T &a, T &b) {
    bool low = lane_index() < R / 2;
    T x = (low ? a : b) + __shfl_xor_sync(ALL, low ? b : a, R / 2);
    for (u32 step = R / 4; step > 0; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    a = __shfl_sync(ALL, x, 0);
    b = __shfl_sync(ALL, x, R / 2);
}

// The extreme value and its place; equal values: the first place. `sign` is 1 for the smallest, -1
// for the largest.
template <typename T> __device__ inline void extreme(T &value, u32 &place, T sign) {
    for (u32 step = R / 2; step > 0; step /= 2) {
        T other = __shfl_xor_sync(ALL, value, step);
        u32 where = __shfl_xor_sync(ALL, place, step);
        if (sign * other < sign * value || (other == value && where < place)) {
            value = other;
            place = where;
        }
    }
}
