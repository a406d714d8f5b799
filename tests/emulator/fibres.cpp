// Blocks as fibres: ucontext makes a stack, _setjmp and _longjmp switch without a system call.
#ifndef AUTOWU_THREADS
#include <setjmp.h>
#include <ucontext.h>

#include <utility>

#include "block.h"

namespace emulator {
namespace {
constexpr size_t STACK = 128 * 1024;

struct Fibre {
    Thread thread;
    Warp *warp;
    uint64_t operations, waits_for;
    bool started, done;
    jmp_buf state;
    ucontext_t start;
};

// Per thread of the system, so that tests run side by side.
thread_local Fibre *running;
thread_local jmp_buf scheduler;
thread_local unsigned char *shared;
thread_local const std::function<void()> *body;

void entry() {
    (*body)();
    running->done = true;
    running->warp->live--;
    _longjmp(scheduler, 1);
}

// These two are not inlined: what returns twice may lose only their own variables.
[[gnu::noinline]] void prepare(Fibre &fibre, unsigned char *stack) {
    getcontext(&fibre.start);
    fibre.start.uc_stack.ss_sp = stack;
    fibre.start.uc_stack.ss_size = STACK;
    fibre.start.uc_link = nullptr;
    makecontext(&fibre.start, entry, 0);
}

[[gnu::noinline]] void resume(Fibre &fibre) {
    running = &fibre;
    if (_setjmp(scheduler) == 0) {
        if (fibre.started) _longjmp(fibre.state, 1);
        fibre.started = true;
        setcontext(&fibre.start);
    }
}

uint64_t next_random(uint64_t &state) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}
}  // namespace

const Thread &self() { return running->thread; }
unsigned char *shared_memory() { return shared; }
Slots &slots() { return running->warp->slots[running->operations++ % 2]; }

void barrier() {
    Fibre *fibre = running;
    fibre->waits_for = fibre->warp->generation + 1;
    if (++fibre->warp->arrived == WARP) {
        fibre->warp->arrived = 0;
        fibre->warp->generation++;
    }
    if (_setjmp(fibre->state) == 0) _longjmp(scheduler, 1);
}

bool run_block(unsigned block, unsigned threads, size_t shared_bytes, Order order, uint64_t seed,
               const std::function<void()> &kernel) {
    static thread_local std::vector<unsigned char> stacks;
    if (stacks.size() < threads * STACK) stacks.resize(threads * STACK);
    auto memory = std::make_unique<uint64_t[]>((shared_bytes + GUARD) / 8 + 2);
    // Aligned to 16 bytes, as on the device.
    shared = reinterpret_cast<unsigned char *>((reinterpret_cast<uintptr_t>(memory.get()) + 15) &
                                               ~uintptr_t(15));
    std::memset(shared, POISON, shared_bytes + GUARD - 16);
    body = &kernel;
    std::vector<Warp> warps(threads / WARP);
    std::vector<Fibre> fibres(threads);
    std::vector<unsigned> turns(threads);
    for (unsigned i = 0; i < threads; i++) {
        turns[i] = order == Order::Reverse ? threads - 1 - i : i;
        Fibre &f = fibres[i];
        f.thread = {{i}, {block}, {threads}};
        f.warp = &warps[i / WARP];
        f.operations = f.waits_for = 0;
        f.started = f.done = false;
        prepare(f, &stacks[i * STACK]);
    }
    uint64_t random = seed * 2 + 1;
    for (bool moved = true; moved;) {
        moved = false;
        if (order == Order::Random)
            for (unsigned i = threads; i > 1; i--)
                std::swap(turns[i - 1], turns[next_random(random) % i]);
        for (unsigned turn : turns) {
            Fibre &f = fibres[turn];
            if (f.done || f.waits_for > f.warp->generation) continue;
            resume(f);
            moved = true;
        }
    }
    bool fine = true;
    for (const Fibre &f : fibres) fine = fine && f.done;
    for (size_t i = 0; i < GUARD - 16; i++) fine = fine && shared[shared_bytes + i] == POISON;
    return fine;
}
}  // namespace emulator
#endif
