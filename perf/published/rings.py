"""NCCL's rings over hosts, as an algorithm that `tutti sim --schedule` reads (MSCCL's XML).

A ring for each rank of a host: the i-th enters every host at its i-th rank, passes all others, and
leaves to the next host from the rank before the i-th. So each network port carries one ring out and
one in. Each ring reduces, then gathers, its part of the buffer.
"""


def all_reduce(hosts, per_host):
    ranks, rings = hosts * per_host, per_host
    orders = [order(ring, hosts, per_host) for ring in range(rings)]
    lines = [f'<algo name="rings" proto="Simple" nchannels="{rings}" '
             f'nchunksperloop="{ranks * rings}" ngpus="{ranks}" coll="allreduce" inplace="0">']
    for rank in range(ranks):
        lines.append(f'<gpu id="{rank}" i_chunks="{ranks * rings}" o_chunks="{ranks * rings}" '
                     's_chunks="0">')
        for ring, members in enumerate(orders):
            lines += block(ring, members, members.index(rank))
        lines.append("</gpu>")
    return "\n".join([*lines, "</algo>", ""])


def order(ring, hosts, per_host):
    """All ranks, as the ring passes them."""
    return [host * per_host + (ring + place) % per_host
            for host in range(hosts) for place in range(per_host)]


def block(ring, members, place):
    """What the member at `place` of a ring does."""
    ranks = len(members)
    following, previous = members[(place + 1) % ranks], members[place - 1]
    yield f'<tb id="{ring}" send="{following}" recv="{previous}" chan="{ring}">'
    for number, (kind, source, target) in enumerate(steps(place, ranks)):
        yield (f'<step s="{number}" type="{kind}" '
               f'srcbuf="i" srcoff="{offset(source, ring, ranks)}" '
               f'dstbuf="o" dstoff="{offset(target, ring, ranks)}" '
               'cnt="1" depid="-1" deps="-1" hasdep="0"/>')
    yield "</tb>"


def steps(place, ranks):
    """(kind, chunk of the input, chunk of the output); None: none."""
    def chunk(hops):
        return (place - hops) % ranks
    yield "s", chunk(0), None
    for hops in range(1, ranks - 1):
        yield "rrs", chunk(hops), None
    yield "rrcs", chunk(ranks - 1), chunk(ranks - 1)
    for hops in range(ranks - 2):
        yield "rcs", None, chunk(hops)
    yield "r", None, chunk(ranks - 2)


def offset(chunk, ring, ranks):
    return -1 if chunk is None else ring * ranks + chunk
