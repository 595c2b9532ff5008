"""Bar charts as SVG, in a few lines instead of a plotting library. They follow the reader's light or dark mode."""

from collections.abc import Sequence
from html import escape

from benchmarks.report import Chart

WIDTH = 860
LABEL_WIDTH = 260
VALUE_WIDTH = 90
ROW_HEIGHT = 22
TITLE_HEIGHT = 34
GAP = 20

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .unit { fill: #59636e }
  .bar { fill: #8c959f }
  .ours { fill: #1a7f64 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .unit { fill: #9198a1 }
    .bar { fill: #656c76 }
    .ours { fill: #3fb68b }
  }
"""


def svg(charts: Sequence[Chart]) -> str:
    """Return one picture with all charts below each other. Each has a scale of its own; less is better in all."""
    parts: list[str] = []
    top = GAP
    for chart in charts:
        parts += _chart(chart, top)
        top += TITLE_HEIGHT + ROW_HEIGHT * len(chart.bars) + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    names = "; ".join(chart.title for chart in charts)
    label = f'role="img" aria-label="{escape(names, quote=True)}"'
    return "\n".join([f"{head} {label}>", f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _chart(chart: Chart, top: int) -> list[str]:
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * GAP
    most = max((value for _, value in chart.bars), default=0) or 1
    unit = f'<tspan class="unit">{escape(chart.unit)}, less is better</tspan>'
    lines = [f'<text class="title" x="{GAP}" y="{top + 14}">{escape(chart.title)} {unit}</text>']
    for number, (name, value) in enumerate(chart.bars):
        y = top + TITLE_HEIGHT + number * ROW_HEIGHT
        kind = "bar ours" if name.startswith("ours") else "bar"
        width = max(1, round(value / most * room))
        left = GAP + LABEL_WIDTH
        lines += [
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{left}" y="{y - 8}" width="{width}" height="15" rx="2"/>',
            f'<text x="{left + width + 8}" y="{y + 4}">{value:,.1f}</text>',
        ]
    return lines
