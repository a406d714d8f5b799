// What the emulator asks of a compiler: C++17, and a system with ucontext. Where this does not
// compile, the emulator is left out.
#include <setjmp.h>
#include <ucontext.h>

#include <functional>
#include <type_traits>

static_assert(std::is_arithmetic_v<float>);
int emulator_is_possible() {
    ucontext_t context;
    return getcontext(&context);
}
