// One block of threads: as fibres on one thread of the system, or as threads.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "shim.h"

namespace emulator {
// Bytes after a block's shared memory that nobody may touch.
constexpr size_t GUARD = 256;
constexpr unsigned char POISON = 0xff;  // every float and double made of it is NaN

struct Warp {
    Slots slots[2];
    unsigned arrived = 0, live = WARP;
    uint64_t generation = 0;
};

enum class Order : uint32_t { Forward = 0, Reverse = 1, Random = 2 };

// Runs `kernel` for every thread of one block. False: a deadlock (some lanes of a warp ended while
// others wait for them), or a write beyond shared memory.
bool run_block(unsigned block, unsigned threads, size_t shared_bytes, Order order, uint64_t seed,
               const std::function<void()> &kernel);
}  // namespace emulator
