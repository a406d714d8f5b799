// Blocks as threads of the system: a build by hand for ThreadSanitizer, which then sees every race
// between CUDA threads.
#ifdef AUTOWU_THREADS
#include <barrier>
#include <thread>

#include "block.h"

namespace emulator {
namespace {
struct Local {
    Thread thread;
    Warp *warp;
    std::barrier<> *meeting;
    uint64_t operations;
    unsigned char *shared;
};
thread_local Local *local;
}  // namespace

const Thread &self() { return local->thread; }
unsigned char *shared_memory() { return local->shared; }
Slots &slots() { return local->warp->slots[local->operations++ % 2]; }
void barrier() { local->meeting->arrive_and_wait(); }

bool run_block(unsigned block, unsigned threads, size_t shared_bytes, Order, uint64_t,
               const std::function<void()> &kernel) {
    std::vector<uint64_t> memory((shared_bytes + GUARD) / 8 + 2, ~uint64_t(0));
    auto *shared = reinterpret_cast<unsigned char *>(
        (reinterpret_cast<uintptr_t>(memory.data()) + 15) & ~uintptr_t(15));
    std::vector<Warp> warps(threads / WARP);
    std::vector<std::unique_ptr<std::barrier<>>> meetings;
    for (size_t i = 0; i < warps.size(); i++)
        meetings.push_back(std::make_unique<std::barrier<>>(WARP));
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; i++) {
        running.emplace_back([&, i] {
            Local mine = {
                {{i}, {block}, {threads}}, &warps[i / WARP], meetings[i / WARP].get(), 0, shared};
            local = &mine;
            kernel();
            mine.meeting->arrive_and_drop();
        });
    }
    for (std::thread &thread : running) thread.join();
    return true;
}
}  // namespace emulator
#endif
