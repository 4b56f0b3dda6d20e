// Walks, one thread a row: see ../motility.rs.
//
// direction      [row][3]
// chance         [row]: of a renewal in this step; 1 where a walker renews at every step
// sensitivity    [substrate][row]
// flags          [row]: see below

#define CRAWLS 1
#define IN_PLANE 2
#define EACH_NORMALIZED 4

extern "C" __global__ void renew(const Bits* id, const double* chance, const double* bias,
                                 const unsigned char* flags, const double* sensitivity,
                                 const unsigned* voxel, int rows, const double* densities,
                                 const double* spacing, int nx, int ny, int nz, int substrates,
                                 Bits seed, int purpose, Bits tick, double* direction) {
    int row = this_thread();
    if (row >= rows) return;
    double* own = direction + 3 * (size_t)row;
    unsigned char flag = flags[row];
    if (!(flag & CRAWLS)) {
        own[0] = own[1] = own[2] = 0.0;
        return;
    }
    double two[2];
    bool is_new = own[0] == 0.0 && own[1] == 0.0 && own[2] == 0.0;
    if (!is_new && chance[row] < 1.0) {
        uniforms(seed, purpose, id[row], tick, 0, two);
        if (two[0] >= chance[row]) return;
    }
    double random[3];
    unsigned draw = 1;
    do uniforms(seed, purpose, id[row], tick, draw++, two);
    while (!is_direction(flag & IN_PLANE, two[0], two[1], random));

    double sensed[3] = {0.0, 0.0, 0.0};
    double weight = bias[row];
    if (weight != 0.0) {
        const int shape[3] = {nx, ny, nz};
        for (int substrate = 0; substrate < substrates; substrate++) {
            double by = sensitivity[(size_t)substrate * rows + row];
            if (by == 0.0) continue;
            double gradient[3];
            slope(densities + (size_t)substrate * nx * ny * nz, shape, spacing, voxel[row], gradient);
            if (flag & EACH_NORMALIZED) normalize(gradient);
            for (int axis = 0; axis < 3; axis++) sensed[axis] += by * gradient[axis];
        }
        normalize(sensed);
    }
    for (int axis = 0; axis < 3; axis++)
        own[axis] = weight * sensed[axis] + (1.0 - weight) * random[axis];
    normalize(own);
}
