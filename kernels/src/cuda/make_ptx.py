"""Makes kernels.ptx of all device code: python make_ptx.py [OUT]

Needs NVRTC (pip install nvidia-cuda-nvrtc-cu12==12.0.140), and no GPU. That version writes PTX 8.0, which
drivers from 525 on read; compute_75 is the oldest architecture that newer compilers still know.
`--check ARCHITECTURE` compiles for a device instead, and tells registers and spills of each kernel;
newer architectures need a newer NVRTC (pip install nvidia-cuda-nvrtc).
"""

import ctypes
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# No fused multiply-add: the CPU has none either.
OPTIONS = ["--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false", "-default-device"]


def source():
    """All device code, as one text."""
    files = [sorted(glob.glob(os.path.join(HERE, *parts))) for parts in (["*.cu"], ["..", "*", "cuda.cu"])]
    texts = [open(file, encoding="utf-8").read() for file in sum(files, [])]
    return "\n".join(texts)


def library(name):
    """The newest NVRTC of the packages that are there."""
    found = [path for folder in sys.path for path in glob.glob(os.path.join(folder, "nvidia", name, "lib", "libnvrtc.so.*"))]
    if not found:
        sys.exit(f"no NVRTC in nvidia/{name}: see the head of {__file__}")
    return ctypes.CDLL(sorted(found)[-1], mode=ctypes.RTLD_GLOBAL)


def compiled(nvrtc, options):
    """A program, or its log and an end."""
    program = ctypes.c_void_p()
    text = source().encode()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None)
    words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    code = nvrtc.nvrtcCompileProgram(program, len(options), words)
    log = got(nvrtc, program, "ProgramLog")
    if code:
        sys.exit(log)
    return program, log


def got(nvrtc, program, what):
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, text)
    return text.value.decode()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        nvrtc = library("cu13")
        options = OPTIONS + [f"--gpu-architecture={sys.argv[2]}", "--ptxas-options=-v"]
        print(compiled(nvrtc, options)[1])
    else:
        nvrtc = library("cuda_nvrtc")
        program, log = compiled(nvrtc, OPTIONS + ["--gpu-architecture=compute_75"])
        sys.stderr.write(log)
        out = sys.argv[1] if sys.argv[1:] else os.path.join(HERE, "kernels.ptx")
        with open(out, "w", encoding="utf-8") as file:
            file.write(got(nvrtc, program, "PTX"))
