"""Counting a process's instructions with perf_event_open(2)."""

import ctypes
import os
import platform
import struct

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "ppc64le": 319, "riscv64": 241}


class Counter:
    """Instructions in user mode of a process, counted by the processor."""

    ENABLE, DISABLE, RESET = 0x2400, 0x2401, 0x2403

    def __init__(self, pid):
        # struct perf_event_attr, its first 128 bytes: type HARDWARE, config
        # INSTRUCTIONS; disabled, exclude_kernel, exclude_hv
        flags = 1 << 0 | 1 << 5 | 1 << 6
        attr = struct.pack("=IIQQQQQ", 0, 128, 1, 0, 0, 0, flags).ljust(128, b"\0")
        libc = ctypes.CDLL(None, use_errno=True)
        self.ioctl = libc.ioctl
        self.fd = libc.syscall(PERF_EVENT_OPEN[platform.machine()],
                               ctypes.create_string_buffer(attr, len(attr)), pid, -1, -1, 0)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self.ioctl(self.fd, self.RESET, 0)
        self.ioctl(self.fd, self.ENABLE, 0)
        return self

    def __exit__(self, *args):
        self.ioctl(self.fd, self.DISABLE, 0)
        self.count = struct.unpack("=Q", os.read(self.fd, 8))[0]
        os.close(self.fd)


def processor_counts():
    try:
        with Counter(os.getpid()) as counter:
            sum(range(1000))
        return counter.count > 0
    except (OSError, KeyError):
        return False
