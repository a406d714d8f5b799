"""Compiles autowu.cu to the PTX that the crate ships, and reports registers and spills.

    pip install nvidia-cuda-nvrtc-cu12==12.0.76 nvidia-cuda-nvcc-cu12==12.0.76
    python3 build.py            writes autowu.ptx and registers.txt
    python3 build.py --check    compares with the committed files, exit status 1 if they differ

No GPU and no CUDA toolkit are needed. Without the compiler it says so and, with --check, exits
with 0.
"""

import ctypes
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
NVRTC = "12.0.76"
ARCHITECTURES = ["sm_70", "sm_80", "sm_90"]


def package(name):
    """The folder of an NVIDIA package of the pinned version; None if it is not installed."""
    import importlib.metadata as metadata

    try:
        if metadata.version(f"nvidia-cuda-{name}-cu12") != NVRTC:
            return None
        import nvidia

        return pathlib.Path(list(nvidia.__path__)[0]) / f"cuda_{name}"
    except (ImportError, metadata.PackageNotFoundError):
        return None


def compile_ptx(folder):
    library = next((folder / "lib").glob("libnvrtc.so*"))
    ctypes.CDLL(str(next((folder / "lib").glob("libnvrtc-builtins.so*"))), mode=ctypes.RTLD_GLOBAL)
    nvrtc = ctypes.CDLL(str(library))
    sources = sorted(HERE.glob("*.cuh"))
    names = (ctypes.c_char_p * len(sources))(*[s.name.encode() for s in sources])
    texts = (ctypes.c_char_p * len(sources))(*[s.read_bytes() for s in sources])
    program = ctypes.c_void_p()
    main = (HERE / "autowu.cu").read_bytes()
    status = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), main, b"autowu.cu", len(sources), texts, names
    )
    if status:
        sys.exit(f"nvrtcCreateProgram: status {status}")
    options = [b"--gpu-architecture=compute_70", b"--std=c++17"]
    arguments = (ctypes.c_char_p * len(options))(*options)
    status = nvrtc.nvrtcCompileProgram(program, len(options), arguments)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if log.value.strip():
        print(log.value.decode(), file=sys.stderr)
    if status:
        sys.exit(1)
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return ptx.value.decode()


def registers(folder, ptx):
    """One line per kernel and architecture, from `ptxas -v`."""
    lines = ["kernel      arch    registers  spill stores/loads (bytes)  stack (bytes)"]
    for architecture in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as temporary:
            source = pathlib.Path(temporary) / "autowu.ptx"
            source.write_text(ptx)
            binary = source.with_suffix(".cubin")
            ptxas = [folder / "bin" / "ptxas", "-v", f"-arch={architecture}"]
            command = [*ptxas, source, "-o", binary]
            report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        pattern = (
            r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, "
            r"(\d+) bytes spill stores, "
            r"(\d+) bytes spill loads.*?Used (\d+) registers"
        )
        for name, stack, stores, loads, used in sorted(re.findall(pattern, report, re.S)):
            spills = stores + "/" + loads
            lines.append(f"{name:<11} {architecture:<7} {used:>9}  {spills:>26}  {stack:>13}")
    return "\n".join(lines) + "\n"


def main():
    check = "--check" in sys.argv[1:]
    nvrtc, nvcc = package("nvrtc"), package("nvcc")
    if nvrtc is None or nvcc is None:
        print(
            "SKIPPED: the kernels were not recompiled, because nvidia-cuda-nvrtc-cu12 and "
            f"nvidia-cuda-nvcc-cu12 {NVRTC} are not installed"
        )
        sys.exit(0 if check else 1)
    ptx = compile_ptx(nvrtc)
    made = {"autowu.ptx": ptx, "registers.txt": registers(nvcc, ptx)}
    for name, text in made.items():
        path = HERE / name
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"{path} is not what the sources compile to: run build.py, commit the result")
    print(made["registers.txt"], end="")
    same = "the committed PTX is what the sources compile to"
    print(same if check else "wrote autowu.ptx and registers.txt")


main()
