// A stand-in for NVIDIA's driver, libcuda.so, whose device is this processor: so that the host side
// and the kernels run, and are compared, where no GPU is to be had. It says nothing of speed, nor of
// what a device's memory may do that a processor's does not.
//
// KERNELS lists the device code to include, and NAMES the kernels in it. By the environment:
// EMULATED_ORDER   forward, reverse, or shuffled (as without it): in which order threads go
// EMULATED_MEMORY  bytes of the device's memory
// EMULATED_FAULT   none-there, old, or a kernel's name: its launches fail

#include "device.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <setjmp.h>
#include <string>
#include <ucontext.h>
#include <utility>
#include <vector>

Place threadIdx, blockIdx, blockDim, gridDim;

#include KERNELS

// What the linker calls the ends of the section.
extern "C" char __start_shared[] __attribute__((weak));
extern "C" char __stop_shared[] __attribute__((weak));

namespace {

// Fibers.

constexpr std::size_t STACK = 1 << 17;

struct Fiber {
    enum State { READY, WAITING, DONE } state = DONE;
    jmp_buf resume;
    bool is_begun = false;
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(STACK);
    Place thread;
};

std::vector<Fiber*> fibers;
Fiber* current;
jmp_buf scheduler;
void (*kernel)(void**);
void** parameters;

/// Back to the scheduler, until it resumes this fiber.
void leave(Fiber::State state) {
    current->state = state;
    if (_setjmp(current->resume) == 0) _longjmp(scheduler, 1);
}

void live() {
    for (;;) {
        kernel(parameters);
        leave(Fiber::DONE);
    }
}

void go(Fiber* fiber) {
    current = fiber;
    threadIdx = fiber->thread;
    if (_setjmp(scheduler) != 0) return;
    if (fiber->is_begun) _longjmp(fiber->resume, 1);
    fiber->is_begun = true;
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.data();
    fiber->context.uc_stack.ss_size = STACK;
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, live, 0);
    setcontext(&fiber->context);
}

std::uint64_t random_state = 1;

std::uint64_t drawn() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

std::vector<std::size_t> order(std::size_t count) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; i++) order[i] = i;
    const char* wanted = std::getenv("EMULATED_ORDER");
    std::string how = wanted ? wanted : "shuffled";
    if (how == "reverse") std::reverse(order.begin(), order.end());
    if (how == "shuffled")
        for (std::size_t i = count; i > 1; i--) std::swap(order[i - 1], order[drawn() % i]);
    return order;
}

/// Whether all threads of the block came to the same barriers.
bool run_block() {
    std::size_t threads = std::size_t(blockDim.x) * blockDim.y * blockDim.z;
    while (fibers.size() < threads) fibers.push_back(new Fiber);
    // A quiet NaN, and as a whole number far outside everything.
    if (__start_shared) std::memset(__start_shared, 0xff, __stop_shared - __start_shared);
    for (std::size_t i = 0; i < threads; i++) {
        fibers[i]->state = Fiber::READY;
        fibers[i]->thread = {unsigned(i % blockDim.x), unsigned(i / blockDim.x % blockDim.y),
                             unsigned(i / blockDim.x / blockDim.y)};
    }
    for (;;) {
        for (std::size_t i : order(threads))
            if (fibers[i]->state == Fiber::READY) go(fibers[i]);
        std::size_t waiting = 0;
        for (std::size_t i = 0; i < threads; i++) waiting += fibers[i]->state == Fiber::WAITING;
        if (waiting == 0) return true;
        if (waiting < threads) {
            // Whoever waits will never be resumed: their stacks begin anew.
            for (std::size_t i = 0; i < threads; i++) fibers[i]->is_begun = false;
            return false;
        }
        for (std::size_t i = 0; i < threads; i++) fibers[i]->state = Fiber::READY;
    }
}

// Kernels by name.

template <typename... T, std::size_t... I>
void invoke(void (*function)(T...), void** from, std::index_sequence<I...>) {
    function(*static_cast<T*>(from[I])...);
}
template <typename... T> void invoke(void (*function)(T...), void** from) {
    invoke(function, from, std::index_sequence_for<T...>());
}
#define KERNEL(name) {#name, [](void** from) { invoke(name, from); }},
std::map<std::string, void (*)(void**)> known = {NAMES};

/// A device does one thing at a time.
std::mutex device;

/// Where memory was given, and how much.
std::map<char*, std::size_t> given;
std::size_t in_use = 0;
constexpr std::size_t GUARD = 64;
int error_after = 0;

std::size_t capacity() {
    const char* bytes = std::getenv("EMULATED_MEMORY");
    return bytes ? std::strtoull(bytes, nullptr, 10) : std::size_t(1) << 34;
}

std::string fault() {
    const char* fault = std::getenv("EMULATED_FAULT");
    return fault ? fault : "";
}

constexpr int INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500, ILLEGAL = 700,
              LAUNCH_FAILED = 719;

}  // namespace

void wait_at_barrier() { leave(Fiber::WAITING); }

#define DRIVER extern "C" __attribute__((visibility("default"))) int

DRIVER cuInit(unsigned) { return fault() == "none-there" ? NO_DEVICE : 0; }
DRIVER cuDriverGetVersion(int* version) {
    *version = fault() == "old" ? 11040 : 13000;
    return 0;
}
DRIVER cuDeviceGetCount(int* count) {
    *count = 1;
    return 0;
}
DRIVER cuDeviceGet(int* device, int number) {
    *device = number;
    return 0;
}
DRIVER cuDeviceGetName(char* name, int length, int) {
    std::snprintf(name, length, "emulated on the processor");
    return 0;
}
DRIVER cuDeviceGetAttribute(int* value, int, int) {
    // No pools of memory, and none of the rest is asked for.
    *value = 0;
    return 0;
}
DRIVER cuDevicePrimaryCtxRetain(void** context, int) {
    *context = &known;
    return 0;
}
DRIVER cuDevicePrimaryCtxRelease_v2(int) { return 0; }
DRIVER cuCtxSetCurrent(void*) { return 0; }
DRIVER cuCtxGetCurrent(void** context) {
    *context = &known;
    return 0;
}
DRIVER cuCtxSynchronize() { return error_after; }
DRIVER cuStreamSynchronize(void*) { return error_after; }
DRIVER cuModuleLoadData(void** module, const void* text) {
    *module = new std::string(static_cast<const char*>(text));
    return 0;
}
DRIVER cuModuleUnload(void* module) {
    delete static_cast<std::string*>(module);
    return 0;
}
DRIVER cuModuleGetFunction(void** function, void* module, const char* name) {
    bool is_shipped = static_cast<std::string*>(module)->find(std::string(".entry ") + name + "(") !=
                      std::string::npos;
    auto found = known.find(name);
    if (!is_shipped || found == known.end()) return NOT_FOUND;
    *function = &*found;
    return 0;
}
DRIVER cuMemGetInfo_v2(std::size_t* free, std::size_t* all) {
    *all = capacity();
    *free = *all - std::min(*all, in_use);
    return 0;
}
DRIVER cuMemAlloc_v2(char** at, std::size_t bytes) {
    std::lock_guard<std::mutex> alone(device);
    if (bytes == 0) return INVALID;
    if (in_use + bytes > capacity()) return OUT_OF_MEMORY;
    char* memory = static_cast<char*>(std::malloc(bytes + 2 * GUARD));
    std::memset(memory, 0xff, bytes + 2 * GUARD);
    *at = memory + GUARD;
    given[*at] = bytes;
    in_use += bytes;
    return 0;
}
/// Whether nobody wrote beside what was given.
static bool is_whole(char* at, std::size_t bytes) {
    for (std::size_t i = 0; i < GUARD; i++)
        if (at[-1 - std::ptrdiff_t(i)] != char(0xff) || at[bytes + i] != char(0xff)) return false;
    return true;
}
DRIVER cuMemFree_v2(char* at) {
    std::lock_guard<std::mutex> alone(device);
    auto found = given.find(at);
    if (found == given.end()) return INVALID;
    in_use -= found->second;
    given.erase(found);
    std::free(at - GUARD);
    return 0;
}
DRIVER cuMemsetD8Async(char* at, unsigned char value, std::size_t bytes, void*) {
    std::memset(at, value, bytes);
    return 0;
}
DRIVER cuMemcpyHtoDAsync_v2(char* to, const void* from, std::size_t bytes, void*) {
    std::memcpy(to, from, bytes);
    return 0;
}
DRIVER cuMemcpyDtoHAsync_v2(void* to, const char* from, std::size_t bytes, void*) {
    std::memcpy(to, from, bytes);
    return error_after;
}
DRIVER cuMemcpyDtoDAsync_v2(char* to, const char* from, std::size_t bytes, void*) {
    std::memmove(to, from, bytes);
    return 0;
}
DRIVER cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                      unsigned by, unsigned bz, unsigned, void*, void** from, void**) {
    auto* named = static_cast<std::pair<const std::string, void (*)(void**)>*>(function);
    if (fault() == named->first) return LAUNCH_FAILED;
    if (gx == 0 || gy == 0 || bx * by * bz == 0 || bx * by * bz > 1024 || gy > 65535) return INVALID;
    std::lock_guard<std::mutex> alone(device);
    kernel = named->second;
    parameters = from;
    gridDim = {gx, gy, gz};
    blockDim = {bx, by, bz};
    for (std::size_t block : order(std::size_t(gx) * gy * gz)) {
        blockIdx = {unsigned(block % gx), unsigned(block / gx % gy), unsigned(block / gx / gy)};
        if (!run_block()) {
            std::fprintf(stderr, "kernel %s: not all threads of a block came to a barrier\n",
                         named->first.c_str());
            error_after = LAUNCH_FAILED;
        }
    }
    for (auto& [at, bytes] : given)
        if (!is_whole(at, bytes)) {
            std::fprintf(stderr, "kernel %s: wrote beside %zu bytes\n", named->first.c_str(), bytes);
            error_after = ILLEGAL;
        }
    return 0;
}
DRIVER cuGetErrorName(int error, const char** name) {
    *name = error == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
            : error == NO_DEVICE     ? "CUDA_ERROR_NO_DEVICE"
            : error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
            : error == ILLEGAL       ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                     : "CUDA_ERROR_OTHER";
    return 0;
}
DRIVER cuGetErrorString(int error, const char** text) {
    static std::string last;
    last = "error " + std::to_string(error) + " of the emulated driver";
    *text = last.c_str();
    return 0;
}
