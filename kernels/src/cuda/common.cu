// What kernels have in common.

typedef unsigned long long Bits;

#define THREADS 256

__device__ int this_thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

// Random numbers: see ../random.rs.

__device__ Bits mix(Bits x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

__device__ Bits pair_id(Bits a, Bits b) { return mix(mix(a) + b); }

__device__ double open_unit(Bits bits) {
    return ((double)(bits >> 12) + 0.5) * (1.0 / (double)(1ull << 52));
}

// A unit vector of two uniforms, if they lie in the unit disc.
__device__ bool is_direction(bool flat, double u, double v, double* direction) {
    double x = 2.0 * u - 1.0, y = 2.0 * v - 1.0;
    double square = x * x + y * y;
    if (square >= 1.0 || square == 0.0) return false;
    if (flat) {
        direction[0] = (x * x - y * y) / square;
        direction[1] = 2.0 * x * y / square;
        direction[2] = 0.0;
    } else {
        double ring = 2.0 * sqrt(1.0 - square);
        direction[0] = x * ring;
        direction[1] = y * ring;
        direction[2] = 1.0 - 2.0 * square;
    }
    return true;
}

// Sums of all that comes before, by blocks of THREADS: within each, and of each the whole.
extern "C" __global__ void scan(const unsigned* counts, unsigned* starts, unsigned* sums, int count) {
    __shared__ unsigned shared[2][THREADS];
    int own = threadIdx.x, at = this_thread();
    unsigned value = at < count ? counts[at] : 0;
    int side = 0;
    shared[side][own] = value;
    __syncthreads();
    for (int step = 1; step < THREADS; step *= 2) {
        unsigned sum = shared[side][own] + (own >= step ? shared[side][own - step] : 0);
        side = 1 - side;
        shared[side][own] = sum;
        __syncthreads();
    }
    if (at < count) starts[at] = shared[side][own] - value;
    if (own == THREADS - 1) sums[blockIdx.x] = shared[side][own];
}

// Adds to each block of THREADS what comes before it.
extern "C" __global__ void add_sums(unsigned* starts, const unsigned* sums, int count) {
    int at = this_thread();
    if (at < count) starts[at] += sums[blockIdx.x];
}

// Philox4x32-10.
__device__ void philox(const unsigned* counter, const unsigned* key, unsigned* words) {
    unsigned c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    unsigned k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        Bits p0 = (Bits)c0 * 0xD2511F53u, p1 = (Bits)c2 * 0xCD9E8D57u;
        c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
        c1 = (unsigned)p1;
        c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
        c3 = (unsigned)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

// Two uniforms in (0, 1) for `id` at `tick`.
__device__ void uniforms(Bits seed, unsigned purpose, Bits id, Bits tick, unsigned draw,
                         double* two) {
    unsigned high = (unsigned)(tick >> 32) & 0xFFFFu;
    const unsigned counter[4] = {(unsigned)id, (unsigned)(id >> 32), (unsigned)tick,
                                 purpose << 24 | high << 8 | (draw & 0xFFu)};
    const unsigned key[2] = {(unsigned)seed, (unsigned)(seed >> 32)};
    unsigned words[4];
    philox(counter, key, words);
    two[0] = open_unit((Bits)words[1] << 32 | words[0]);
    two[1] = open_unit((Bits)words[3] << 32 | words[2]);
}

// The unit vector along a vector; zero stays zero.
__device__ void normalize(double* vector) {
    double largest = 0.0;
    for (int axis = 0; axis < 3; axis++) largest = fmax(largest, fabs(vector[axis]));
    double square = 0.0;
    for (int axis = 0; axis < 3; axis++) {
        vector[axis] = largest == 0.0 ? 0.0 : vector[axis] / largest;
        square += vector[axis] * vector[axis];
    }
    if (largest == 0.0) return;
    double length = sqrt(square);
    for (int axis = 0; axis < 3; axis++) vector[axis] /= length;
}
