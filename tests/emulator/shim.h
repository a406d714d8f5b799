// CUDA's words on a CPU: enough of them to run the kernels of autowu-cuda, thread by thread.
//
// Every CUDA thread is a fibre with a stack of its own. A fibre runs until it meets a barrier (each
// warp-wide operation is one) and then hands over to the next in the order asked for: forward,
// reverse, or a new random one each time round. A kernel that forgets a barrier sees different
// memory in different orders, or the poison that shared memory is filled with.
//
// With -DAUTOWU_THREADS every CUDA thread is a thread of the system and a barrier is std::barrier:
// for ThreadSanitizer.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __device__
#define __global__
#define __align__(n)
#define DYNAMIC_SHARED(name) unsigned char *name = emulator::shared_memory()

namespace emulator {
constexpr unsigned WARP = 32;
struct Index {
    unsigned x;
};
struct Thread {
    Index thread, block, block_dim;
};
const Thread &self();
unsigned char *shared_memory();

// Waits for all lanes of the warp.
void barrier();
// A place for this lane's contribution to a warp-wide operation, and that of others after the
// barrier. By turns two places, so that the next operation does not overwrite what a slower lane
// has yet to read.
struct Slots {
    uint64_t value[WARP];
};
Slots &slots();

template <typename T> T exchange(T value, unsigned source) {
    Slots &place = slots();
    std::memcpy(&place.value[self().thread.x % WARP], &value, sizeof value);
    barrier();
    T result;
    std::memcpy(&result, &place.value[source % WARP], sizeof result);
    return result;
}
}  // namespace emulator

#define threadIdx (emulator::self().thread)
#define blockIdx (emulator::self().block)
#define blockDim (emulator::self().block_dim)

inline void __syncwarp() { emulator::barrier(); }
template <typename T> T __shfl_sync(unsigned, T value, unsigned source) {
    return emulator::exchange(value, source);
}
template <typename T> T __shfl_xor_sync(unsigned, T value, unsigned mask) {
    return emulator::exchange(value, (threadIdx.x % emulator::WARP) ^ mask);
}
inline unsigned __ballot_sync(unsigned, bool value) {
    emulator::Slots &place = emulator::slots();
    place.value[threadIdx.x % emulator::WARP] = value;
    emulator::barrier();
    unsigned mask = 0;
    for (unsigned lane = 0; lane < emulator::WARP; lane++)
        mask |= unsigned(place.value[lane] != 0) << lane;
    return mask;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
