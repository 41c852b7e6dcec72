"""The GPU of this machine, by NVIDIA's driver (libcuda.so.1) alone: which it is, and how fast it copies.

  gpu.py look              {"name": …, "driver": …, "count": …}, or {"why_not": …}
  gpu.py copy_bandwidth    bytes read and written per second by a copy inside the GPU

A program of its own, so that whoever asks does not hold a context on the GPU.
"""

import ctypes
import json
import re
import sys

COPY_BYTES = 1 << 30  # far more than any cache holds
COPIES = 20


class NoGpu(Exception):
    """Why there is none to use."""


class Driver:
    """Functions of libcuda.so.1, checked."""

    def __init__(self):
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise NoGpu(f"no driver: {error}") from error
        self("cuInit", 0)

    def __call__(self, name, *arguments):
        code = getattr(self._library, name)(*arguments)
        if code == 0:
            return
        text = ctypes.c_char_p()
        self._library.cuGetErrorName(code, ctypes.byref(text))
        raise NoGpu(f"{name}: {text.value.decode() if text.value else code}")


def driver_version(driver):
    """As the kernel module says, or else the newest CUDA that the driver speaks."""
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:
            found = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", file.read())
        if found:
            return found.group(1)
    except OSError:
        pass
    version = ctypes.c_int()
    driver("cuDriverGetVersion", ctypes.byref(version))
    return f"for CUDA {version.value // 1000}.{version.value % 1000 // 10}"


def first_device(driver):
    device = ctypes.c_int()
    driver("cuDeviceGet", ctypes.byref(device), 0)
    return device


def look():
    driver = Driver()
    count = ctypes.c_int()
    driver("cuDeviceGetCount", ctypes.byref(count))
    if count.value == 0:
        raise NoGpu("the driver has no device")
    name = ctypes.create_string_buffer(256)
    driver("cuDeviceGetName", name, len(name), first_device(driver))
    return {"name": name.value.decode(), "driver": driver_version(driver), "count": count.value}


def copy_bandwidth():
    driver = Driver()
    device, context = first_device(driver), ctypes.c_void_p()
    driver("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    driver("cuCtxSetCurrent", context)
    buffers = [ctypes.c_uint64() for _ in range(2)]
    for buffer in buffers:
        driver("cuMemAlloc_v2", ctypes.byref(buffer), ctypes.c_size_t(COPY_BYTES))
    events = [ctypes.c_void_p() for _ in range(2)]
    for event in events:
        driver("cuEventCreate", ctypes.byref(event), 0)

    def copy(times):
        for _ in range(times):
            driver("cuMemcpyDtoDAsync_v2", *buffers, ctypes.c_size_t(COPY_BYTES), None)

    copy(3)
    driver("cuEventRecord", events[0], None)
    copy(COPIES)
    driver("cuEventRecord", events[1], None)
    driver("cuEventSynchronize", events[1])
    elapsed_ms = ctypes.c_float()
    driver("cuEventElapsedTime", ctypes.byref(elapsed_ms), *events)
    return 2 * COPIES * COPY_BYTES / (elapsed_ms.value / 1e3)


def main(arguments):
    if arguments not in (["look"], ["copy_bandwidth"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        answer = look() if arguments == ["look"] else {"bytes_per_s": copy_bandwidth()}
    except NoGpu as reason:
        answer = {"why_not": str(reason)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
