// The sweeps of the locally one-dimensional scheme on a device: equations in ../diffusion.rs,
// arithmetic as in cpu.rs, number by number, so that the bits are the CPU's.
//
// densities  [substrate][voxel], x fastest
// lines      [substrate][x then y then z][scale, lower, upper][voxel of a line]
// free       [substrate][axis][first, past the last]: voxels in no held face of that axis

// Lines of x that a warp sweeps side by side, and columns of them it holds at a time.
#define LINES 32
// Warps of a block.
#define WARPS 4
// Voxels whose loads are under way at a time, where rows are far apart.
#define AHEAD 8

// The factors of a line along an axis.
__device__ const double* factors(const double* lines, int substrate, int axis, const int* shape) {
    int all = shape[0] + shape[1] + shape[2];
    int before = axis == 0 ? 0 : axis == 1 ? shape[0] : shape[0] + shape[1];
    return lines + 3 * ((size_t)substrate * all + before);
}

__device__ bool is_free(const int* free, int axis, int at) {
    return at >= free[2 * axis] && at < free[2 * axis + 1];
}

// Lines along x. Blocks of (LINES, WARPS) threads, a grid of (lines / LINES / WARPS, substrates).
// A warp reads and writes LINES x LINES voxels at a time, row by row; in between each of its
// threads goes along a line of its own.
extern "C" __global__ void sweep_along(double* densities, const double* lines, const int* free,
                                       int nx, int ny, int nz) {
    __shared__ double tile[WARPS][LINES][LINES + 1];
    const int shape[3] = {nx, ny, nz};
    int lane = threadIdx.x, warp = threadIdx.y, substrate = blockIdx.y;
    const double* scale = factors(lines, substrate, 0, shape);
    const double *lower = scale + nx, *upper = lower + nx;
    free += 6 * substrate;
    double* field = densities + (size_t)substrate * nx * ny * nz;
    int first = (blockIdx.x * WARPS + warp) * LINES;

    // Bit r: whether line first + r is swept.
    unsigned swept = 0;
    for (int row = 0; row < LINES; row++) {
        int line = first + row;
        if (line < ny * nz && is_free(free, 1, line % ny) && is_free(free, 2, line / ny))
            swept |= 1u << row;
    }
    bool is_own = swept >> lane & 1;
    int tiles = (nx + LINES - 1) / LINES;
    double value = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (int number = 0; number < tiles; number++) {
            int start = (pass == 0 ? number : tiles - 1 - number) * LINES;
            int width = min(LINES, nx - start);
            if (lane < width)
                for (int row = 0; row < LINES; row++)
                    if (swept >> row & 1)
                        tile[warp][row][lane] = field[(size_t)(first + row) * nx + start + lane];
            __syncthreads();
            if (is_own && pass == 0)
                for (int at = 0; at < width; at++) {
                    double below = lower[start + at] * value;
                    value = tile[warp][lane][at] * scale[start + at] + below;
                    tile[warp][lane][at] = value;
                }
            if (is_own && pass == 1)
                for (int at = width - 1; at >= 0; at--) {
                    value = upper[start + at] * value + tile[warp][lane][at];
                    tile[warp][lane][at] = value;
                }
            __syncthreads();
            if (lane < width)
                for (int row = 0; row < LINES; row++)
                    if (swept >> row & 1)
                        field[(size_t)(first + row) * nx + start + lane] = tile[warp][row][lane];
            __syncthreads();
        }
        value = 0.0;
    }
}

// Lines along y (axis 1) or z (axis 2), one a thread, neighbors along x beside each other. A grid
// of (lines / threads, substrates).
extern "C" __global__ void sweep_across(double* densities, const double* lines, const int* free,
                                        int nx, int ny, int nz, int axis) {
    const int shape[3] = {nx, ny, nz};
    int substrate = blockIdx.y, line = blockIdx.x * blockDim.x + threadIdx.x;
    int other = 3 - axis;
    if (line >= nx * shape[other]) return;
    free += 6 * substrate;
    int x = line % nx, beside = line / nx;
    if (!is_free(free, 0, x) || !is_free(free, other, beside)) return;
    int count = shape[axis];
    size_t stride = axis == 1 ? nx : (size_t)nx * ny;
    size_t start = x + (axis == 1 ? (size_t)nx * ny : (size_t)nx) * beside;
    double* column = densities + (size_t)substrate * nx * ny * nz + start;
    const double* scale = factors(lines, substrate, axis, shape);
    const double *lower = scale + count, *upper = lower + count;

    double value = 0.0;
    double ahead[AHEAD];
    for (int at = 0; at < count; at += AHEAD) {
#pragma unroll
        for (int next = 0; next < AHEAD; next++)
            if (at + next < count) ahead[next] = column[(at + next) * stride];
#pragma unroll
        for (int next = 0; next < AHEAD; next++)
            if (at + next < count) {
                double below = lower[at + next] * value;
                value = ahead[next] * scale[at + next] + below;
                column[(at + next) * stride] = value;
            }
    }
    value = 0.0;
    for (int at = count; at > 0; at -= AHEAD) {
#pragma unroll
        for (int next = 1; next <= AHEAD; next++)
            if (at >= next) ahead[next - 1] = column[(at - next) * stride];
#pragma unroll
        for (int next = 1; next <= AHEAD; next++)
            if (at >= next) {
                value = upper[at - next] * value + ahead[next - 1];
                column[(at - next) * stride] = value;
            }
    }
}
