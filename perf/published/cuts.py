"""Ways to cut calls for the simulator, as its --tile, --lanes and --scratch.

NCCL's channels each carry a chunk of four slots of 512 KiB in every step of a ring, in two slices
(ALLREDUCE_CHUNKSTEPS, ALLREDUCE_SLICESTEPS in its collectives.h). All channels are in the same
step, and so hide nothing of each other's latency; slices do. Executors here have one program a
rank, so that a tile stands for what all channels carry at once.
"""

CHANNELS = 24  # assumed: the sources do not say how many NCCL opened
SLICE = 1 << 20
LEAST_SLICE = SLICE // 32

SLICES = "slices"


def slices(_chunk, channels):
    """Two full slices are in flight; calls too short for that go in one."""
    return words(SLICE * channels, 2)


def halves(chunk, channels):
    """Two slices are in flight, also of short calls, as long as they are not too small."""
    return words(min(SLICE * channels, max(LEAST_SLICE * channels, -(-chunk // 2))), 2)


def chunks(_chunk, channels):
    """Nothing is hidden."""
    return words(2 * SLICE * channels, 1)


def simulator(_chunk, _channels):
    """The simulator's own: tiles of 512 KiB."""
    return ()


def words(tile, lanes):
    """Scratch as much as that takes: the tiles say how much is in flight."""
    return "--tile", str(tile), "--lanes", str(lanes), "--scratch", "64G"


CUTS = {SLICES: slices, "halves": halves, "chunks": chunks, "simulator": simulator}
