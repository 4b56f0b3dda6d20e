// What the cells of each voxel do to it: equations in ../exchange.rs. Rows of a voxel stand at
// `rows_of` from starts[voxel] on, put there by `fill_bins`.
//
// terms      [substrate][VS, VS rho*, VU, E][row]
// occupied   voxels that hold cells, ascending; of how many says its number
// maps       [substrate][scale, shift][place in `occupied`]

// Counts the rows of each voxel.
extern "C" __global__ void count_voxels(const unsigned* voxel, int rows, unsigned* counts) {
    int row = this_thread();
    if (row < rows) atomicAdd(&counts[voxel[row]], 1u);
}

// 1 where there are rows, so that sums of what comes before are places.
extern "C" __global__ void mark_occupied(const unsigned* counts, int voxels, unsigned* marks) {
    int voxel = this_thread();
    if (voxel < voxels) marks[voxel] = counts[voxel] > 0;
}

// Lists voxels that hold cells, and puts the rows of each in ascending order: few, so by insertion.
extern "C" __global__ void list_occupied(const unsigned* counts, const unsigned* starts,
                                         const unsigned* places, int voxels, unsigned* rows_of,
                                         unsigned* occupied, unsigned* number) {
    int voxel = this_thread();
    if (voxel >= voxels) return;
    unsigned count = counts[voxel];
    if (voxel == voxels - 1) *number = places[voxel] + (count > 0);
    if (count == 0) return;
    occupied[places[voxel]] = voxel;
    unsigned* rows = rows_of + starts[voxel];
    for (unsigned at = 1; at < count; at++) {
        unsigned row = rows[at], place = at;
        for (; place > 0 && rows[place - 1] > row; place--) rows[place] = rows[place - 1];
        rows[place] = row;
    }
}

// One thread a voxel that holds cells, the substrates along y.
extern "C" __global__ void make_maps(const unsigned* occupied, const unsigned* number,
                                     const unsigned* counts, const unsigned* starts,
                                     const unsigned* rows_of, const double* terms, int rows,
                                     const int* free, int nx, int ny, double factor, double* maps) {
    int place = this_thread(), substrate = blockIdx.y;
    if (place >= *number) return;
    unsigned voxel = occupied[place];
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    const double* own = terms + (size_t)substrate * 4 * rows;
    for (unsigned at = 0; at < counts[voxel]; at++) {
        unsigned row = rows_of[starts[voxel] + at];
        for (int term = 0; term < 4; term++) sum[term] += own[(size_t)term * rows + row];
    }
    free += 6 * substrate;
    bool is_held = !is_free(free, 0, voxel % nx) || !is_free(free, 1, voxel / nx % ny) ||
                   !is_free(free, 2, voxel / nx / ny);
    double scale = 1.0, shift = 0.0;
    if (!is_held && (sum[0] != 0.0 || sum[2] != 0.0 || sum[3] != 0.0)) {
        for (int term = 0; term < 4; term++) sum[term] *= factor;
        scale = 1.0 / (1.0 + sum[0] + sum[2]);
        shift = sum[1] * scale + sum[3];
    }
    double* map = maps + (size_t)substrate * 2 * rows;
    map[place] = scale;
    map[rows + place] = shift;
}

// `negative` counts densities that fell below zero and are zero now.
extern "C" __global__ void apply_maps(const unsigned* occupied, const unsigned* number,
                                      const double* maps, int rows, int voxels, double* densities,
                                      unsigned* negative) {
    int place = this_thread(), substrate = blockIdx.y;
    if (place >= *number) return;
    const double* map = maps + (size_t)substrate * 2 * rows;
    double* density = densities + (size_t)substrate * voxels + occupied[place];
    double value = *density * map[place] + map[rows + place];
    if (value < 0.0) {
        value = 0.0;
        atomicAdd(negative, 1u);
    }
    *density = value;
}
