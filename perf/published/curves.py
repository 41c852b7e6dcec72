"""The picture of docs/published.md: bus bandwidth over size, predicted and measured, as SVG."""

import math
from xml.sax.saxutils import escape

from studies import LEAST_OF_BAR
from tables import size

SHOWN = ("dgx_a100", "dgx_h100", "h200", "b200", "b200_hosts", "unnamed")
COLUMNS = 3
WIDTH, HEIGHT = 264, 190               # of a plot
LEFT, TOP, RIGHT, BOTTOM = 52, 34, 18, 46  # around it
MARGIN, HEAD = 20, 74
FIRST, LAST = 1 << 15, 1 << 34         # bytes
TICKS = [1 << 15, 1 << 20, 1 << 25, 1 << 30, 1 << 34]
BAR = 0.2
BAND, CURVE, DOT, GRID, WORDS = "#dbe8f8", "#2f6fb7", "#b3541e", "#e4e6ea", "#3a3f47"


def to_svg(document):
    studies = [study for study in document["studies"] if study["series"] in SHOWN]
    lines = -(-len(studies) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * (LEFT + WIDTH + RIGHT)
    height = HEAD + lines * (TOP + HEIGHT + BOTTOM) + MARGIN // 2
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}" font-family="Helvetica, Arial, sans-serif" '
             f'font-size="12" fill="{WORDS}">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>', *legend()]
    for number, study in enumerate(studies):
        x = MARGIN + number % COLUMNS * (LEFT + WIDTH + RIGHT) + LEFT
        y = HEAD + number // COLUMNS * (TOP + HEIGHT + BOTTOM) + TOP
        parts += [f'<g transform="translate({x} {y})">', *plot(study), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def legend():
    y = 56
    yield words(MARGIN, 28, "all_reduce: bus bandwidth over size, simulated and measured",
                'font-size="17" font-weight="bold"')
    yield f'<rect x="{MARGIN}" y="{y - 11}" width="26" height="14" fill="{BAND}"/>'
    yield f'<path d="M{MARGIN} {y - 4}h26" stroke="{CURVE}" stroke-width="2"/>'
    yield words(MARGIN + 34, y, "simulated; measured figures in the band are met within 20 %")
    yield dot(MARGIN + 436, y - 4, False)
    yield words(MARGIN + 446, y, "measured")
    yield dot(MARGIN + 536, y - 4, True)
    yield words(MARGIN + 546, y, "measured, used to calibrate two numbers a machine")


def plot(study):
    top = ceiling(study["rows"])
    yield from axes(study["title"], top)
    rows = [row for row in study["rows"] if FIRST <= row["bytes"] <= LAST]
    large = [row for row in rows if row["bytes"] >= LEAST_OF_BAR]
    edge = [(row, 1 - BAR) for row in large] + [(row, 1 + BAR) for row in reversed(large)]
    yield path([(across(row), up(row["predicted_busbw"] / factor, top)) for row, factor in edge],
               f'fill="{BAND}"')
    yield path([(across(row), up(row["predicted_busbw"], top)) for row in rows],
               f'fill="none" stroke="{CURVE}" stroke-width="2"')
    for row in rows:
        yield dot(across(row), up(row["busbw"], top), row["calibrates"],
                  f"{size(row['bytes'])}: measured {row['busbw']:.1f} GB/s, simulated "
                  f"{row['predicted_busbw']:.1f}")


def axes(title, top):
    yield words(0, -12, title, 'font-size="13" font-weight="bold"')
    yield words(-LEFT + 8, -12, "GB/s")
    for value in steps(top):
        y = up(value, top)
        yield f'<path d="M0 {y:.1f}H{WIDTH}" stroke="{GRID}"/>'
        yield words(-7, y + 4, f"{value:g}", 'text-anchor="end"')
    for count in TICKS:
        x = across({"bytes": count})
        yield f'<path d="M{x:.1f} {HEIGHT}v5" stroke="{WORDS}"/>'
        yield words(x, HEIGHT + 19, size(count), 'text-anchor="middle"')
    yield f'<path d="M0 0V{HEIGHT}H{WIDTH}" fill="none" stroke="{WORDS}"/>'


def ceiling(rows):
    """The end of the vertical axis: above all dots and the band."""
    most = max(max(row["busbw"], row["predicted_busbw"] / (1 - BAR)) for row in rows)
    return math.ceil(most / step_of(most)) * step_of(most)


def step_of(most):
    """1, 2 or 5 times a power of ten, at most six of which make up `most`."""
    power = 10 ** math.floor(math.log10(most / 6))
    return next(step * power for step in (1, 2, 5, 10) if most <= 6 * step * power)


def steps(top):
    step = step_of(top)
    return [step * i for i in range(round(top / step) + 1)]


def across(row):
    return WIDTH * math.log2(row["bytes"] / FIRST) / math.log2(LAST / FIRST)


def up(value, top):
    return HEIGHT * (1 - value / top)


def path(points, style):
    return f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" {style}/>'


def dot(x, y, calibrates, tooltip=""):
    fill = "#fff" if calibrates else DOT
    return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{fill}" stroke="{DOT}" '
            f'stroke-width="1.4"><title>{escape(tooltip)}</title></circle>')


def words(x, y, text, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
