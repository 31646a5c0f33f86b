"""A plot of a table, as SVG: how many times as good as each peer shoal is (logarithmic)."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from plan import DESCRIPTIONS, Group
from report import Results

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf")
LEFT, WIDTH, ROW, TOP, BOTTOM = 270, 560, 26, 58, 34  # pixels
STYLE = "font-family='sans-serif' font-size='12'"


def ratios(group: Group, results: Results) -> dict[str, dict[str, float]]:
    """By figure and peer; of what was measured."""
    found: dict[str, dict[str, float]] = {}
    for figure in group.figures:
        shoal = results.get((group.suite, figure, "shoal"))
        if shoal is None:
            continue
        others = {peer: results.get((group.suite, figure, peer)) for peer in list(group.peers)[1:]}
        of_peer = {
            peer: shoal.times_as_good_as(other)
            for peer, other in others.items()
            if other is not None
        }
        if of_peer:
            found[figure] = of_peer
    return found


def plot(group: Group, results: Results) -> str:
    """Empty where nothing was measured beside a peer."""
    rows = ratios(group, results)
    if not rows:
        return ""
    values = [ratio for row in rows.values() for ratio in row.values()]
    low = min(-1, floor(log10(min(values))))
    high = max(1, ceil(log10(max(values))))
    bottom = TOP + ROW * len(rows)

    def x_of(ratio: float) -> float:
        return LEFT + WIDTH * (log10(ratio) - low) / (high - low)

    def text(x: float, y: float, words: str, anchor: str = "start") -> str:
        return f"<text x='{x:.0f}' y='{y:.0f}' text-anchor='{anchor}'>{escape(words)}</text>"

    def line(x: float, width: float, colour: str) -> str:
        place = f"x1='{x:.0f}' x2='{x:.0f}' y1='{TOP}' y2='{bottom}'"
        return f"<line {place} stroke='{colour}' stroke-width='{width}'/>"

    parts = [text(8, 18, f"{group.title}: how many times as good as each peer shoal is")]
    for power in range(low, high + 1):
        x = x_of(10.0**power)
        parts.append(line(x, 2 if power == 0 else 1, "#333" if power == 0 else "#ddd"))
        parts.append(text(x, bottom + 18, f"{10.0**power:g}×", "middle"))
    peers = [peer for peer in group.peers if any(peer in row for row in rows.values())]
    colours = dict(zip(peers, COLOURS, strict=False))
    x = 8.0
    for peer in peers:
        name = group.peers[peer]
        parts.append(f"<circle cx='{x + 5:.0f}' cy='38' r='5' fill='{colours[peer]}'/>")
        parts.append(text(x + 14, 42, name))
        x += 30 + 7 * len(name)
    for number, (figure, row) in enumerate(rows.items()):
        y = TOP + ROW * number + ROW / 2
        parts.append(text(LEFT - 12, y + 4, DESCRIPTIONS[figure], "end"))
        parts += [
            f"<circle cx='{x_of(ratio):.1f}' cy='{y:.0f}' r='5' fill='{colours[peer]}' "
            f"fill-opacity='0.85'><title>{escape(group.peers[peer])}: {ratio:.3g}×</title></circle>"
            for peer, ratio in row.items()
        ]
    width, height = max(LEFT + WIDTH + 40, ceil(x)), bottom + BOTTOM
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' {STYLE}>\n"
        "<rect width='100%' height='100%' fill='white'/>\n" + "\n".join(parts) + "\n</svg>\n"
    )
