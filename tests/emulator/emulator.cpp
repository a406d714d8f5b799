// The kernels, compiled for the CPU, and the three launches of a batch as autowu-cuda makes them.
#include "block.h"
#include "../../autowu-cuda/kernels/autowu.cu"

namespace {
template <typename T> struct Kernels;
template <> struct Kernels<float> {
    static constexpr auto view = view_f32;
    static constexpr auto fit = fit_f32;
    static constexpr auto vote = vote_f32;
};
template <> struct Kernels<double> {
    static constexpr auto view = view_f64;
    static constexpr auto fit = fit_f64;
    static constexpr auto vote = vote_f64;
};

bool launch(u64 items, unsigned warps, size_t shared, emulator::Order order, u64 seed, const std::function<void()> &kernel) {
    bool fine = true;
    for (u64 block = 0; block * warps < items; block++)
        fine = emulator::run_block(unsigned(block), warps * R, warps * shared, order, seed + block, kernel) && fine;
    return fine;
}

template <typename T>
int test(const Params *params, const Curve *curves, const T *losses, u64 n, unsigned warps, View<T> *views, u32 *samples,
         Fit<T> *fits, Hyper<T> *hypers, Inference<T> *votes, u32 order, u64 seed) {
    auto o = static_cast<emulator::Order>(order);
    using K = Kernels<T>;
    bool fine = launch(n, warps, 0, o, seed, [&] { K::view(curves, losses, *params, n, views, samples); });
    fine = launch(n, warps, sizeof(Scratch<T>), o, seed,
                  [&] { K::fit(curves, losses, views, samples, *params, n, fits, hypers); }) && fine;
    fine = launch(n * params->votes, warps, sizeof(Scratch<T>), o, seed,
                  [&] { K::vote(curves, losses, views, samples, hypers, *params, n, votes); }) && fine;
    return fine ? 0 : 1;
}
}  // namespace

extern "C" {
int emulate_f32(const Params *params, const Curve *curves, const float *losses, u64 n, unsigned warps, View<float> *views,
                u32 *samples, Fit<float> *fits, Hyper<float> *hypers, Inference<float> *votes, u32 order, u64 seed) {
    return test(params, curves, losses, n, warps, views, samples, fits, hypers, votes, order, seed);
}
int emulate_f64(const Params *params, const Curve *curves, const double *losses, u64 n, unsigned warps, View<double> *views,
                u32 *samples, Fit<double> *fits, Hyper<double> *hypers, Inference<double> *votes, u32 order, u64 seed) {
    return test(params, curves, losses, n, warps, views, samples, fits, hypers, votes, order, seed);
}
// Bytes of shared memory per warp: what number.rs says must be this.
size_t scratch_bytes_f32() { return sizeof(Scratch<float>); }
size_t scratch_bytes_f64() { return sizeof(Scratch<double>); }
}
