// Who is near whom, and what they do to each other: equations in ../contact.rs, arithmetic and its
// order as in cpu.rs. One thread a row; each adds up its own sum, over neighbors in ascending order.
//
// position, velocity   [row][3]
// traits               [row][radius, reach, root of repulsion, root of adhesion]
// lists                [place][row]: a row's neighbors, ascending
// bins                 x fastest; rows of a bin stand at `rows_of` from starts[bin] on

// The nearest bin of a position; NaN belongs to the first.
__device__ int bin_along(double x, double min, double per_width, int count) {
    double offset = (x - min) * per_width;
    if (!(offset > 0.0)) return 0;
    return offset < count ? (int)offset : count - 1;
}

// Counts the rows of each bin.
extern "C" __global__ void count_bins(const double* position, int rows, const double* box,
                                      int nx, int ny, int nz, unsigned* bin_of, unsigned* counts) {
    int row = this_thread();
    if (row >= rows) return;
    const int shape[3] = {nx, ny, nz};
    int at[3];
    for (int axis = 0; axis < 3; axis++)
        at[axis] = bin_along(position[3 * row + axis], box[axis], box[3 + axis], shape[axis]);
    unsigned bin = at[0] + nx * (at[1] + ny * at[2]);
    bin_of[row] = bin;
    atomicAdd(&counts[bin], 1u);
}

// Puts rows into their bins, in any order; `free` are the bins' first free places.
extern "C" __global__ void fill_bins(const unsigned* bin_of, int rows, unsigned* free,
                                     unsigned* rows_of) {
    int row = this_thread();
    if (row < rows) rows_of[atomicAdd(&free[bin_of[row]], 1u)] = row;
}

// Lists the rows within what both reach out plus a margin, ascending: few, so by insertion. Where a
// list would have more than `capacity`, `most` says how many.
extern "C" __global__ void list_neighbors(const double* position, const double* traits, int rows,
                                          const unsigned* bin_of, const unsigned* starts,
                                          const unsigned* rows_of, int nx, int ny, int nz,
                                          double margin, unsigned* lists, unsigned* lengths,
                                          int capacity, unsigned* most) {
    int row = this_thread();
    if (row >= rows) return;
    double x = position[3 * row], y = position[3 * row + 1], z = position[3 * row + 2];
    double outer = max(traits[4 * row], traits[4 * row + 1]) + margin;
    int bin = bin_of[row];
    int i = bin % nx, j = bin / nx % ny, k = bin / nx / ny;
    int bins = nx * ny * nz;
    int length = 0;
    for (int dz = max(k - 1, 0); dz <= min(k + 1, nz - 1); dz++)
        for (int dy = max(j - 1, 0); dy <= min(j + 1, ny - 1); dy++) {
            // Bins beside each other along x are one run of places.
            int line = nx * (dy + ny * dz);
            int past = line + min(i + 1, nx - 1) + 1;
            int end = past < bins ? starts[past] : rows;
            for (int place = starts[line + max(i - 1, 0)]; place < end; place++) {
                int other = rows_of[place];
                double from_x = x - position[3 * other], from_y = y - position[3 * other + 1],
                       from_z = z - position[3 * other + 2];
                double reach = outer + max(traits[4 * other], traits[4 * other + 1]);
                double square = from_x * from_x + from_y * from_y + from_z * from_z;
                if (other == row || !(square <= reach * reach)) continue;
                if (length < capacity) {
                    int at = length;
                    for (; at > 0; at--) {
                        unsigned before = lists[(size_t)(at - 1) * rows + row];
                        if (before < (unsigned)other) break;
                        lists[(size_t)at * rows + row] = before;
                    }
                    lists[(size_t)at * rows + row] = other;
                }
                length++;
            }
        }
    lengths[row] = min(length, capacity);
    atomicMax(most, (unsigned)length);
}

// Where one of two cells with the same center goes.
__device__ void part(Bits own, Bits other, bool flat, double* direction) {
    Bits low = min(own, other), high = max(own, other);
    Bits first = pair_id(low, high), second = pair_id(high, low);
    while (!is_direction(flat, open_unit(first), open_unit(second), direction)) {
        first = mix(first);
        second = mix(second);
    }
    double sign = own < other ? 1.0 : -1.0;
    for (int axis = 0; axis < 3; axis++) direction[axis] *= sign;
}

#define SAME_POINT 1e-5
#define PRESSURE_UNIT 0.027288820670331

// Adds to velocities what contact does, and overwrites pressures and counts. `watched` has for each
// group a bit for each slot in which it counts.
extern "C" __global__ void push_apart(const double* position, const double* traits,
                                      const unsigned short* group, const Bits* id, int rows,
                                      const double* affinity, int groups, const Bits* watched,
                                      int slots, int flat, const unsigned* lists,
                                      const unsigned* lengths, double* velocity, double* pressure,
                                      unsigned* counts) {
    int row = this_thread();
    if (row >= rows) return;
    double x = position[3 * row], y = position[3 * row + 1], z = position[3 * row + 2];
    double radius = traits[4 * row], reach = traits[4 * row + 1], repulsion = traits[4 * row + 2],
           adhesion = traits[4 * row + 3];
    const double* affinities = affinity + (size_t)group[row] * groups;
    double sum[3] = {0.0, 0.0, 0.0}, press = 0.0;
    for (int slot = 0; slot < slots; slot++) counts[(size_t)slot * rows + row] = 0;
    for (unsigned at = 0; at < lengths[row]; at++) {
        unsigned other = lists[(size_t)at * rows + row];
        const double* its = traits + 4 * (size_t)other;
        double away[3] = {x - position[3 * (size_t)other], y - position[3 * (size_t)other + 1],
                          z - position[3 * (size_t)other + 2]};
        double touching = radius + its[0], hold_reach = reach + its[1];
        double root = sqrt(away[0] * away[0] + away[1] * away[1] + away[2] * away[2]);
        double distance = root < SAME_POINT ? SAME_POINT : root;
        double overlap = 1.0 - distance / touching;
        overlap = distance <= touching ? overlap * overlap : 0.0;
        double hold = 1.0 - distance / hold_reach;
        hold = distance < hold_reach ? hold * hold : 0.0;
        double strength = repulsion * its[2] * overlap -
                          adhesion * its[3] * affinities[group[other]] * hold;
        double factor = strength / distance;
        if (distance <= SAME_POINT) {
            part(id[row], id[other], flat, away);
            for (int axis = 0; axis < 3; axis++) away[axis] *= SAME_POINT;
        }
        for (int axis = 0; axis < 3; axis++) sum[axis] += factor * away[axis];
        press += overlap;
        if (distance < hold_reach) {
            Bits bits = watched[group[other]];
            for (int slot = 0; slot < slots; slot++)
                if (bits >> slot & 1) counts[(size_t)slot * rows + row]++;
        }
    }
    for (int axis = 0; axis < 3; axis++) velocity[3 * (size_t)row + axis] += sum[axis];
    pressure[row] = press / PRESSURE_UNIT;
}

// Whether any row has moved by more than `most` since its place was noted.
extern "C" __global__ void has_moved(const double* position, const double* noted, int rows,
                                     double most, unsigned* moved) {
    int row = this_thread();
    if (row >= rows) return;
    double square = 0.0;
    for (int axis = 0; axis < 3; axis++) {
        double by = position[3 * (size_t)row + axis] - noted[3 * (size_t)row + axis];
        square += by * by;
    }
    // NaN has moved.
    if (!(square <= most * most)) *moved = 1;
}
