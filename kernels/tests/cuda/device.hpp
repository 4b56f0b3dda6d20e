// Device code as C++: what `.cu` files take from CUDA, for g++.
//
// A block's threads are fibers of one thread of the system. Each runs until it ends or waits at a
// barrier; then the next one goes on. In which order they go is drawn anew for each block, so that
// code whose outcome hangs on it shows; and before each block what is shared holds NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

struct Place {
    unsigned x, y, z;
};
extern Place threadIdx, blockIdx, blockDim, gridDim;

/// Lets the other threads of the block come to the same barrier.
void wait_at_barrier();

#define __global__
#define __device__ static
// One section, so that all of it can be filled before each block.
#define __shared__ static __attribute__((section("shared")))
#ifdef WITHOUT_BARRIERS
#define __syncthreads() ((void)0)
#else
#define __syncthreads() wait_at_barrier()
#endif

using std::max;
using std::min;

template <typename T> T atomicAdd(T* at, T value) {
    T before = *at;
    *at += value;
    return before;
}
template <typename T> T atomicMax(T* at, T value) {
    T before = *at;
    *at = std::max(before, value);
    return before;
}
