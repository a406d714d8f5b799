// How the GP sees a curve: clipping and standardisation. One warp per curve, lanes over its losses.
#pragma once
#include "curve.cuh"

// Losses at the start whose mean is the height that a descent is measured from.
constexpr u32 HEAD = 10;

// f(loss) for the first `limit` finite losses; each on one lane.
template <typename T, typename F>
__device__ inline void each_finite(const T *losses, u32 length, u32 limit, F f) {
    u32 lane = lane_index(), seen = 0;
    for (u32 base = 0; base < length && seen < limit; base += R) {
        bool there = base + lane < length;
        T loss = there ? losses[base + lane] : T(0);
        there = there && finite(loss);
        u32 mask = __ballot_sync(ALL, there);
        if (there && seen + __popc(mask & ((1u << lane) - 1)) < limit) f(loss);
        seen += __popc(mask);
    }
}

// Mean in two passes, without overflow; `n` is the number of losses that `limit` lets through.
template <typename T, typename F>
__device__ inline T mean_of(const T *losses, u32 length, u32 limit, u32 n, F value) {
    T half = T(0.5), count = T(n > 1 ? n : 1), rough = 0, rest = 0;
    each_finite(losses, length, limit, [&](T loss) { rough += value(loss) / count; });
    rough = sum(rough);
    each_finite(losses, length, limit,
                [&](T loss) { rest += (value(loss) * half - rough * half) / count; });
    return rough + sum(rest) * T(2);
}

// sqrt(sum (y - mean)^2 / n), without overflow.
template <typename T, typename F>
__device__ inline T deviation_of(const T *losses, u32 length, u32 n, T mean, F value) {
    T half = T(0.5), widest = 0, square = 0;
    auto far = [&](T loss) { return value(loss) * half - mean * half; };
    each_finite(losses, length, ALL, [&](T loss) { widest = max_(widest, abs_(far(loss))); });
    widest = largest(widest);
    if (!(widest > T(0))) return T(0);
    each_finite(losses, length, ALL, [&](T loss) {
        T d = far(loss) / widest;
        square += d * d / T(n);
    });
    return sqrt_(sum(square)) * widest * T(2);
}

// b (80th percentile of |second difference of the means of neighbouring groups of b losses|
// / 1.2816)^2 / 6: see View::scatter of core. On one lane: a pass over at most a thousand losses,
// and fewer than 64 numbers to sort.
constexpr u32 MAX_DIFFERENCES = 64;
template <typename T>
__device__ inline T scatter(const T *losses, u32 length, u32 n, const View<T> &view, u32 groups) {
    if (groups == 0) return T(0);
    u32 size = n / groups > 1 ? n / groups : 1, count = 0, found = 0, means = 0;
    T differences[MAX_DIFFERENCES], total = 0, before = 0, last = 0;
    for (u32 i = 0; i < length; i++) {
        if (!finite(losses[i])) continue;
        total += seen(view, losses[i]) + view.mean;
        if (++count < size) continue;
        T mean = total / T(size), difference = abs_(before - last - last + mean);
        if (means >= 2 && finite(difference) && found < MAX_DIFFERENCES) {
            u32 at = found++;
            for (; at > 0 && differences[at - 1] > difference; at--)
                differences[at] = differences[at - 1];
            differences[at] = difference;
        }
        before = last;
        last = mean;
        means++;
        count = 0;
        total = 0;
    }
    if (found < 2) return T(0);
    // The 80th percentile of a normal.
    T deviation = differences[found * 4 / 5] / T(1.2815515655446004);
    return deviation * deviation * T(size) / T(6);
}

template <typename T>
__device__ inline void view_curve(const Curve &curve, const T *losses, const Params &params,
                                  View<T> *out, u32 *samples) {
    const u32 length = curve.length;
    losses += curve.offset;
    u32 n = 0;
    T low = Real<T>::largest;
    for (u32 base = 0; base < length; base += R) {
        bool there = base + lane_index() < length && finite(losses[base + lane_index()]);
        if (there) low = min_(low, losses[base + lane_index()]);
        n += __popc(__ballot_sync(ALL, there));
    }
    low = smallest(low);
    View<T> view = {Real<T>::largest, T(0), T(1), T(0), T(0)};
    T head = mean_of(losses, length, HEAD, n < HEAD ? n : HEAD, [](T y) { return y; });
    T ceiling = head + (head - low);
    if (params.clip && n > 0 && low < head && finite(ceiling)) view.ceiling = ceiling;
    auto clipped = [&](T y) { return min_(y, view.ceiling); };
    if (params.standardise) {
        view.center = mean_of(losses, length, ALL, n, clipped);
        T deviation = deviation_of(losses, length, n, view.center, clipped);
        view.scale = deviation > T(0) ? deviation : T(1);
    }
    view.mean = mean_of(losses, length, ALL, n, [&](T y) { return seen(view, y); });
    if (lane_index() == 0) {
        view.scatter = scatter(losses, length, n, view, params.noise_groups);
        *out = view;
        *samples = n;
    }
}
