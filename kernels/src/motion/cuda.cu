// Where cells go, one thread a row: see ../motion.rs, and `crawl` in ../motility.rs.
//
// bounds   lower corner, upper corner, µm; then the origin and spacing of voxels
// flags    [row]: see below; whether a cell has moved before is kept there

#define RESTS 8
#define MOVED 16

__device__ double pushed(double strength, double distance, double radius) {
    if (!(distance < radius)) return 0.0;
    double overlap = 1.0 - distance / radius;
    return strength * overlap * overlap;
}

__device__ unsigned voxel_along(double x, double origin, double spacing, int count) {
    double offset = (x - origin) / spacing;
    if (!(offset > 0.0)) return 0;
    return offset < count ? (unsigned)offset : count - 1;
}

// Adds what a cell's own walk and the walls do to its velocity, and moves it for `dt` min. `outside`
// counts those that are put back.
extern "C" __global__ void move_rows(const double* direction, const double* speed,
                                     const double* radius, int rows, const double* bounds,
                                     int dimensions, double strength, double dt, int nx, int ny,
                                     int nz, double* velocity, double* position, double* previous,
                                     unsigned char* flags, unsigned* voxel, unsigned* outside) {
    int row = this_thread();
    if (row >= rows) return;
    const int shape[3] = {nx, ny, nz};
    bool rests = flags[row] & RESTS, has_moved = flags[row] & MOVED, left = false;
    unsigned at = 0, stride = 1;
    for (int axis = 0; axis < 3; axis++) {
        size_t place = 3 * (size_t)row + axis;
        double x = position[place], now = velocity[place];
        now += speed[row] * direction[place];
        if (axis < dimensions) {
            now += pushed(strength, x - bounds[axis], radius[row]);
            now -= pushed(strength, bounds[3 + axis] - x, radius[row]);
        }
        if (rests) now = 0.0;
        double before = rests ? 0.0 : has_moved ? previous[place] : now;
        if (axis < dimensions) {
            double to = x + dt * (1.5 * now - 0.5 * before);
            left = left || to < bounds[axis] || to > bounds[3 + axis];
            // NaN stays NaN.
            x = to < bounds[axis] ? bounds[axis] : to > bounds[3 + axis] ? bounds[3 + axis] : to;
            position[place] = x;
        }
        velocity[place] = previous[place] = now;
        at += stride * voxel_along(x, bounds[6 + axis], bounds[9 + axis], shape[axis]);
        stride *= shape[axis];
    }
    flags[row] |= MOVED;
    voxel[row] = at;
    if (left) atomicAdd(outside, 1u);
}
