"""What torch.compile makes of a function, without the minutes that a code generator takes."""

import torch
from torch.utils.flop_counter import FlopCounterMode


def compiled(function):
    """One graph, run operation by operation; nothing is left of what was compiled before."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


def flop_compiled(function, *inputs):
    """FLOP of the graph, 2 x multiply-add, outside fused attention on a CPU.

    Counted on the graph itself: the counter cannot see into compiled code, and to say "compiling"
    where nothing compiles would be remembered by the compiler.
    """
    counts = []

    def counting(graph, _):
        def run(*arguments):
            with FlopCounterMode(display=False) as counter:
                result = graph(*arguments)
            counts.append(counter.get_total_flops())
            return result
        return run

    torch._dynamo.reset()
    with torch.no_grad():
        torch.compile(function, fullgraph=True, backend=counting)(*inputs)
    assert len(counts) == 1
    return counts[0]
