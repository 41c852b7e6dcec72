"""The least time that a collective can take where all ranks share one GPU, whose memory is the limit.

Every byte of input is read once and every byte of output written once, so the floor is the bytes of
all ranks' buffers by the bandwidth of copies, which read and write as well.
"""

# Bytes read and written, in sizes as nccl-tests has them (the whole of the larger buffer), of n ranks.
_SIZES = {
    "all_reduce": lambda n: 2 * n,
    "all_gather": lambda n: 1 + n,      # a part of 1/n read by each, the whole written by each
    "reduce_scatter": lambda n: n + 1,  # the reverse
    "all_to_all": lambda n: 2 * n,
}


def floor_us(collective, ranks, size, copy_bytes_per_s):
    """Of a call of `size` bytes. copy_bytes_per_s: read and written, together."""
    return _SIZES[collective](ranks) * size / copy_bytes_per_s * 1e6


# What is asked of calls: collective, ranks, bytes -> at least this share of the floor's speed.
LARGE = 128 << 20
SHARE = 0.85
# … with as many blocks a rank as there are unless told otherwise; with fewer, of that share:
BLOCKS = 16
FEW_BLOCKS = 8
SHARE_OF_FEW = 0.8
# … and of small all_reduce among 8 ranks, replayed in a graph: bytes -> at most microseconds.
SMALL_US = {8 << 10: 6.0, 64 << 10: 9.0, 1 << 20: 20.0}
