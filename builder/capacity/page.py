"""A plan as one HTML file: charts, tables, and what both rest on. No script, nothing loaded; light and dark by the reader's own setting."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from builder.capacity.assumptions import Assumptions
from builder.capacity.charts import Bar, Series, bars, lines
from builder.capacity.figures import Figures
from builder.capacity.plan import Plan, plan
from builder.capacity.prices import READ_ON, SOURCES
from builder.capacity.telling import Line, rate, tables
from edge.tiers import PROFILES

_STEPS = 9  # of students, a chart's points, from a hundredth of the plan's to three times it
_STYLE = Path(__file__).with_name("page.css")


def page(found: Plan, assumed: Assumptions, figures: Figures, reference: bool) -> str:
    """The whole file."""
    title = f"Capacity: {found.users:,} students at once"
    broken = Markup("<p><b>Nothing breaks</b> by these figures and assumptions.</p>")
    if found.warned:
        places = [Markup("<li><b>{}.</b> {}.</li>").format(_sentence(one.what), _sentence(one.do)) for one in found.warned]
        broken = Markup("<h2>Where it breaks</h2><ul class=\"breaks\">{}</ul>").format(Markup("").join(places))
    figure = Markup("<figure><h3>{}</h3>{}</figure>")
    charts = Markup("").join(figure.format(name, chart) for name, chart in _charts(found, assumed, figures))
    sources = Markup("<h2>Sources of prices</h2><p class=\"soft\">Read in {}.</p><ul>{}</ul>").format(
        READ_ON, Markup("").join(Markup("<li>{}.</li>").format(source) for source in SOURCES))
    told = Markup("").join(_table(heading, rows) for heading, rows in tables(found, assumed, figures, reference).items())
    return str(Markup(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>"
        "<style>{}</style></head><body><h1>{}</h1><p class=\"soft\">Profile {}. {}</p>{}<h2>Charts</h2>"
        "<div class=\"charts\">{}</div>{}{}</body></html>\n").format(
            title, Markup(_STYLE.read_text()), title, found.profile,
            "The figures are reference figures, of another one." if reference else f"Figures of {figures.machine}, {figures.measured_on}.",
            broken, charts, told, sources))


def _charts(found: Plan, assumed: Assumptions, figures: Figures) -> list[tuple[str, Markup]]:
    asked = found.asked
    counts = [max(1, round(found.users * 3 * 300 ** (n / (_STEPS - 1) - 1))) for n in range(_STEPS)]
    by_profile = {name: [plan(count, name, assumed, figures) for count in counts] for name in PROFILES}

    def over(pick: str) -> list[Series]:
        return [Series(name, [(one.users, float(getattr(one.needed, pick))) for one in plans]) for name, plans in by_profile.items()]

    most = found.needed.profile_instances[1]
    return [
        ("Requests a second, on a logarithmic scale", bars("Requests a second at each layer", [
            Bar(name, value, rate(value)) for name, value in (
                ("edge", asked.edge), ("API", asked.api), ("database, statements", asked.database), ("store", asked.store))],
            logarithmic=True)),
        ("USD a month", bars("USD a month", [Bar(what, usd, f"{usd:,.0f}") for what, usd in found.bill.usd.items()])),
        ("Pages found at the edge, by students at once", lines(
            "Share of pages found at the edge", over("page_hit_ratio"), _many, lambda share: f"{share:.0%}",
            limit=Bar("goal", 0.8, "goal: 80 %"), most=1.0)),
        ("API instances, by students at once", lines(
            "API instances", over("instances"), _many, lambda count: f"{count:,.0f}",
            limit=Bar("most", most, f"profile {found.profile} scales to {most}"))),
    ]


def _table(heading: str, rows: Sequence[Line]) -> Markup:
    return Markup("<h2>{}</h2><div class=\"wide\"><table>{}</table></div>").format(heading, Markup("").join(
        Markup("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>").format(*row) for row in rows))


def _many(count: float) -> str:
    return f"{count / 1e6:g} million" if count >= 1e6 else f"{count:,.0f}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
