// A single-precision number that counts what is done with it: how many operations a kernel takes,
// lane by lane.
#pragma once
#include <cmath>
#include <type_traits>

#include "../../autowu-cuda/kernels/warp.cuh"

namespace emulator {
struct Operations {
    uint64_t simple, special;  // additions and multiplications; divisions, roots, exponentials,
                               // logarithms, error functions
};
inline thread_local Operations operations;

struct Counted {
    float value;
    Counted() = default;
    template <typename N, typename = std::enable_if_t<std::is_arithmetic_v<N>>>
    Counted(N n) : value(float(n)) {}
    static Counted simple(float value) { return operations.simple++, Counted(value); }
    static Counted special(float value) { return operations.special++, Counted(value); }
    friend Counted operator+(Counted a, Counted b) { return Counted::simple(a.value + b.value); }
    friend Counted operator-(Counted a, Counted b) { return Counted::simple(a.value - b.value); }
    friend Counted operator*(Counted a, Counted b) { return Counted::simple(a.value * b.value); }
    friend Counted operator/(Counted a, Counted b) { return Counted::special(a.value / b.value); }
    friend Counted operator-(Counted a) { return Counted(-a.value); }
    Counted &operator+=(Counted b) { return *this = *this + b; }
    Counted &operator-=(Counted b) { return *this = *this - b; }
    Counted &operator*=(Counted b) { return *this = *this * b; }
    friend bool operator<(Counted a, Counted b) { return a.value < b.value; }
    friend bool operator>(Counted a, Counted b) { return a.value > b.value; }
    friend bool operator<=(Counted a, Counted b) { return a.value <= b.value; }
    friend bool operator>=(Counted a, Counted b) { return a.value >= b.value; }
    friend bool operator==(Counted a, Counted b) { return a.value == b.value; }
    friend Counted exp_(Counted x) { return Counted::special(std::exp(x.value)); }
    friend Counted log_(Counted x) { return Counted::special(std::log(x.value)); }
    friend Counted sqrt_(Counted x) { return Counted::special(std::sqrt(x.value)); }
    friend Counted erfc_(Counted x) { return Counted::special(std::erfc(x.value)); }
};
}  // namespace emulator

template <> struct Real<emulator::Counted> : Real<float> {};
