// The slope of a density at a voxel: see ../gradient.rs.
__device__ void slope(const double* density, const int* shape, const double* spacing, int voxel,
                      double* gradient) {
    int rest = voxel, stride = 1;
    for (int axis = 0; axis < 3; axis++) {
        int at = rest % shape[axis];
        rest /= shape[axis];
        int below = at > 0, above = at + 1 < shape[axis];
        double apart = (double)max(below + above, 1) * spacing[axis];
        gradient[axis] = (density[voxel + above * stride] - density[voxel - below * stride]) / apart;
        stride *= shape[axis];
    }
    if (shape[2] == 1) gradient[2] = 0.0;
}
