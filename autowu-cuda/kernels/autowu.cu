// The test of autowu-core for many loss curves at once, in three kernels; f32 and f64 from one
// source.
//
//   view   one warp per curve           clipping, standardisation, number of finite losses
//   fit    one warp per curve           triangular factor of one subset, its spectrum, 100 steps
//                                       of Adam on the evidence
//   vote   one warp per (curve, vote)   triangular factor of another, posterior, past-minimum
//                                       probability, argmin, descent
//
// The truth is autowu-core::Measurement on one thread; the decision (majority, patience, learning
// rate) stays there. No kernel needs more than a warp, so there is no block barrier, and a block
// has as many warps as suit the shared memory. Nothing here allocates, and nothing depends on the
// order of threads: the same input gives the same bits.
#include "warp.cuh"

// 1/sqrt(j)
__device__ constexpr double INVERSE_SQRT[32] = {
    0.0, 1.0, 0.7071067811865475, 0.5773502691896258,
    0.5, 0.4472135954999579, 0.4082482904638631, 0.3779644730092272,
    0.35355339059327373, 0.3333333333333333, 0.31622776601683794, 0.30151134457776363,
    0.2886751345948129, 0.2773500981126146, 0.2672612419124244, 0.2581988897471611,
    0.25, 0.24253562503633297, 0.23570226039551587, 0.22941573387056174,
    0.22360679774997896, 0.2182178902359924, 0.21320071635561041, 0.20851441405707477,
    0.20412414523193154, 0.2, 0.19611613513818404, 0.19245008972987526,
    0.1889822365046136, 0.18569533817705186, 0.18257418583505536, 0.1796053020267749,
};

#include "view.cuh"
#include "vote.cuh"

// The warp's number in the grid. A block has blockDim.x / 32 warps.
__device__ inline u64 warp_number() { return u64(blockIdx.x) * (blockDim.x / R) + threadIdx.x / R; }

template <typename T> __device__ inline Scratch<T> &scratch_of_warp(unsigned char *shared) {
    return reinterpret_cast<Scratch<T> *>(shared)[threadIdx.x / R];
}

#define KERNELS(NAME, T)                                                                           \
    extern "C" __global__ void view_##NAME(const Curve *curves, const T *losses, Params params,    \
                                           u64 n, View<T> *views, u32 *samples) {                  \
        u64 i = warp_number();                                                                     \
        if (i < n) view_curve<T>(curves[i], losses, params, &views[i], &samples[i]);               \
    }                                                                                              \
    extern "C" __global__ void fit_##NAME(const Curve *curves, const T *losses,                    \
                                          const View<T> *views, const u32 *samples, Params params, \
                                          u64 n, Fit<T> *fits, Hyper<T> *hypers) {                 \
        DYNAMIC_SHARED(shared);                                                                    \
        u64 i = warp_number();                                                                     \
        if (i < n)                                                                                 \
            fit_curve<T>(scratch_of_warp<T>(shared), curves[i], losses, views[i], samples[i],      \
                         params, &fits[i], &hypers[i]);                                            \
    }                                                                                              \
    extern "C" __global__ void vote_##NAME(                                                        \
        const Curve *curves, const T *losses, const View<T> *views, const u32 *samples,            \
        const Hyper<T> *hypers, Params params, u64 n, Inference<T> *votes) {                       \
        DYNAMIC_SHARED(shared);                                                                    \
        u64 i = warp_number() / params.votes;                                                      \
        u32 vote = u32(warp_number() % params.votes);                                              \
        if (i < n)                                                                                 \
            vote_curve<T>(scratch_of_warp<T>(shared), curves[i], losses, views[i], samples[i],     \
                          hypers[i], params, vote, &votes[i * params.votes]);                      \
    }

#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

KERNELS(f32, float)
KERNELS(f64, double)
