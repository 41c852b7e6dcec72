"""MFU against memory of a rank, a labelled point a layout."""

import sys

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("perf/parallelism_study: expected the Python package matplotlib (Debian: "
             "python3-matplotlib)")

# Of Okabe and Ito, which colour-blind people can tell apart.
LOOKS = {"llama": ("LLaMA", "#0072B2", "o"), "mamba": ("Mamba-2", "#D55E00", "s")}


def draw(title, families, path):
    """families: {"llama": [{"label", "mfu", "memory"}], "mamba": …}; MFU a share, memory bytes.
    Layouts of one place share a label."""
    matplotlib.rcParams.update({"svg.hashsalt": "tutti", "font.size": 8})
    figure, axes = plt.subplots(figsize=(8.5, 5))
    for family, points in families.items():
        name, colour, marker = LOOKS[family]
        places = {}
        for point in points:
            at = (round(point["memory"] / 2**30, 2), round(100 * point["mfu"], 1))
            places.setdefault(at, []).append(point["label"])
        axes.scatter(*zip(*places), label=name, color=colour, marker=marker)
        for at, labels in places.items():
            axes.annotate("\n".join(labels), at, xytext=(5, -3), textcoords="offset points",
                          color=colour, fontsize=6)
    axes.set(title=title, xlabel="memory of the fullest rank, GiB", ylabel="MFU, %")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
