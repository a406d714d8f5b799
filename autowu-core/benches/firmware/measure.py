#!/usr/bin/env python3
"""Flash and RAM of the firmware: its size with and without AutoWU, and the least RAM with which it
ends in qemu.

    rustup target add thumbv7em-none-eabihf; apt install qemu-system-arm
    python3 measure.py [--opt-level z|s|2|3]

RAM is state, stack and static data together: everything is on the program's stack, and RAM ends
below it.
"""

import argparse
import os
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).parent
PROGRAM = HERE / "target/thumbv7em-none-eabihf/release/firmware"
QEMU = (
    "qemu-system-arm -machine mps2-an386 -nographic "
    "-semihosting-config enable=on,target=native -kernel"
).split()
STEP = 128
# seconds, several times what the program takes; a program without stack hangs
TIMEOUT = 15


def build(ram, opt_level, *flags):
    environment = os.environ | {"RAM_BYTES": str(ram), "CARGO_PROFILE_RELEASE_OPT_LEVEL": opt_level}
    subprocess.run(
        ["cargo", "build", "-q", "--release", *flags], cwd=HERE, env=environment, check=True
    )


def flash():
    """Bytes of the sections that are loaded into flash: what has contents and takes memory."""
    elf = PROGRAM.read_bytes()
    (table,), (size, count) = struct.unpack_from("<I", elf, 32), struct.unpack_from("<HH", elf, 46)
    sections = (struct.unpack_from("<10I", elf, table + i * size) for i in range(count))
    ALLOCATED, WITH_CONTENTS = 2, 1
    return sum(s[5] for s in sections if s[1] == WITH_CONTENTS and s[2] & ALLOCATED)


def ends(ram, opt_level):
    build(ram, opt_level)
    try:
        run = subprocess.run(
            [*QEMU, PROGRAM], timeout=TIMEOUT, capture_output=True, stdin=subprocess.DEVNULL
        )
        return run.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--opt-level", default="z", help="z (the default) to 3")
    level = arguments.parse_args().opt_level
    build(65536, level, "--features", "constant")
    without = flash()
    build(65536, level)
    print(f"flash: {flash()} bytes, without AutoWU {without}")
    fails, works = 8 << 10, 24 << 10
    while works - fails > STEP:
        middle = (fails + works) // 2 // STEP * STEP
        if ends(middle, level):
            works = middle
        else:
            fails = middle
    print(f"RAM: {works} bytes, {fails} are too few")


if __name__ == "__main__":
    main()
