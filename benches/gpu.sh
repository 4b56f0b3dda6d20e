#!/usr/bin/env bash
# On a machine with a CUDA device: builds, sees that device and CPU agree, and times what there is.
# The driver is all it needs besides Rust. Figures go to standard output; benches/gpu.md keeps them.
set -euo pipefail
cd "$(dirname "$0")/.."
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
MILIEU_REQUIRE=cuda cargo test --release --package kernels --test cuda
cargo bench --package kernels --bench cuda
