// The kernels, compiled for the CPU, and the three launches of a batch as autowu-cuda makes them.
#include "block.h"
#include "counted.h"
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

bool launch(u64 items, unsigned warps, size_t shared, emulator::Order order, u64 seed,
            const std::function<void()> &kernel) {
    bool fine = true;
    for (u64 block = 0; block * warps < items; block++)
        fine = emulator::run_block(unsigned(block), warps * R, warps * shared, order, seed + block,
                                   kernel) &&
               fine;
    return fine;
}

template <typename T>
int test(const Params *params, const Curve *curves, const T *losses, u64 n, unsigned warps,
         View<T> *views, u32 *samples, Fit<T> *fits, Hyper<T> *hypers, Inference<T> *votes,
         u32 order, u64 seed) {
    auto o = static_cast<emulator::Order>(order);
    using K = Kernels<T>;
    bool fine =
        launch(n, warps, 0, o, seed, [&] { K::view(curves, losses, *params, n, views, samples); });
    fine = launch(n, warps, sizeof(Scratch<T>), o, seed,
                  [&] { K::fit(curves, losses, views, samples, *params, n, fits, hypers); }) &&
           fine;
    fine = launch(n * params->votes, warps, sizeof(Scratch<T>), o, seed,
                  [&] { K::vote(curves, losses, views, samples, hypers, *params, n, votes); }) &&
           fine;
    return fine ? 0 : 1;
}

// Operations of the kernels `fit` and `vote` for one curve, whose View comes from `view`.
void count(const Params &params, const Curve &curve, const float *losses,
           emulator::Operations *out) {
    using T = emulator::Counted;
    std::vector<T> values(losses, losses + curve.length);
    View<T> view;
    u32 samples;
    Fit<T> fit = {{0, -6.9}, {0, 0, 0}, {0, 0, 0}, {1, 1}};
    Hyper<T> hyper;
    std::vector<Inference<T>> votes(params.votes);
    auto one = [&](unsigned warps, auto kernel) {
        emulator::operations = {0, 0};
        for (u32 block = 0; block < warps; block++)
            emulator::run_block(block, R, sizeof(Scratch<T>), emulator::Order::Forward, 0, [&] {
                kernel(*reinterpret_cast<Scratch<T> *>(emulator::shared_memory()));
            });
        return emulator::operations;
    };
    one(1, [&](Scratch<T> &) { view_curve<T>(curve, values.data(), params, &view, &samples); });
    out[0] = one(1, [&](Scratch<T> &s) {
        fit_curve<T>(s, curve, values.data(), view, samples, params, &fit, &hyper);
    });
    out[1] = one(params.votes, [&](Scratch<T> &s) {
        vote_curve<T>(s, curve, values.data(), view, samples, hyper, params, blockIdx.x,
                      votes.data());
    });
}
}  // namespace

extern "C" {
void count_operations(const Params *params, const Curve *curve, const float *losses,
                      uint64_t *four) {
    emulator::Operations both[2];
    count(*params, *curve, losses, both);
    for (int k = 0; k < 2; k++) four[2 * k] = both[k].simple, four[2 * k + 1] = both[k].special;
}
int emulate_f32(const Params *params, const Curve *curves, const float *losses, u64 n,
                unsigned warps, View<float> *views, u32 *samples, Fit<float> *fits,
                Hyper<float> *hypers, Inference<float> *votes, u32 order, u64 seed) {
    return test(params, curves, losses, n, warps, views, samples, fits, hypers, votes, order, seed);
}
int emulate_f64(const Params *params, const Curve *curves, const double *losses, u64 n,
                unsigned warps, View<double> *views, u32 *samples, Fit<double> *fits,
                Hyper<double> *hypers, Inference<double> *votes, u32 order, u64 seed) {
    return test(params, curves, losses, n, warps, views, samples, fits, hypers, votes, order, seed);
}
// Bytes of shared memory per warp: what number.rs says must be this.
size_t scratch_bytes_f32() { return sizeof(Scratch<float>); }
size_t scratch_bytes_f64() { return sizeof(Scratch<double>); }
}
