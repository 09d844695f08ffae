"""What a run says before it starts and after it ends, as tables."""

from rich.console import Console
from rich.table import Table

from repro import published
from repro.comparison import Measurement
from repro.measuring import Measured, facts
from repro.plan import Plan
from repro.progress import duration, size

# The fields of a protocol that tell the numbers of one run apart, and how they are said.
SAID = {"sampler": "{}", "steps": "{} steps", "eta": "eta {:g}", "variance": "variance {}",
        "tau": "tau {}", "clip": "clip {}", "of": "of {}", "samples": "{:,} images",
        "reference": "against {}", "split": "{} set", "reverse_time": "T - t + 1 = {}"}


def plan(plan: Plan, console: Console) -> None:
    """Steps, speed, time, disk and memory, and what will be compared."""
    chosen = plan.profile
    training = chosen.training
    table = Table(title=f"plan: {chosen.title}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(ratio=1)
    table.add_row("training", f"{training.steps:,} steps of {training.batch} images, "
                              f"{duration(plan.training_seconds)}")
    table.add_row("samples", ", ".join(
        f"{s.count:,} by {s.sampler} in {s.steps} steps" for s in chosen.sampling) or "none")
    table.add_row("sampling", duration(plan.sampling_seconds))
    table.add_row("evaluation", duration(plan.evaluation_seconds))
    table.add_row("in all", f"[bold]{duration(plan.seconds)}[/] on {plan.devices} device(s)")
    table.add_row("measured here", f"{plan.training_speed:,.1f} images/s in training, "
                                   f"{plan.sampling_speed:,.1f} through the network, "
                                   f"{plan.batch} images at a time and device")
    table.add_row("disk", size(plan.disk))
    table.add_row("memory", f"{size(plan.memory)} at that batch")
    table.add_row("compared with", _compared(plan))
    console.print(table)


def numbers(measured: Measured, console: Console) -> None:
    """Every number of the run, and what a model that learned nothing would reach."""
    table = Table(title="measured", title_justify="left")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_column("protocol", ratio=1)
    for number in measured.numbers:
        table.add_row(_quantity(number), _value(number), _protocol(number))
    for baseline in measured.baselines:
        table.add_row("NLL, bits/dim", f"{baseline.bits.mean:.3f}", f"baseline: {baseline.name}")
    console.print(table)
    for line in measured.unmeasured:
        console.print(f"[yellow]not measured: {line}[/]")


def _value(number: Measurement) -> str:
    spread = f" +- {number.error:.2g}" if number.error else ""
    return f"{number.value:.4g}{spread}"


def _quantity(number: Measurement) -> str:
    """With its unit where that is short: the others are in `published.UNITS`."""
    short = number.unit and len(number.unit) < 10
    return f"{number.quantity}, {number.unit}" if short else number.quantity


def _protocol(number: Measurement) -> str:
    own = number.protocol
    return ", ".join(how.format(own[name]) for name, how in SAID.items() if name in own)


def _compared(plan: Plan) -> str:
    """How many published numbers are of this data set, network and objective."""
    own = facts(plan.profile)
    names = ("dataset", "network", "objective", "schedule", "T")
    rows = [row for row in published.load()
            if all(row.protocol.get(name, own[name]) == own[name] for name in names)]
    sources = sorted({row.source.split(",")[0] for row in rows})
    return f"{len(rows)} published numbers ({', '.join(sources)})" if rows else "nothing published"
