"""The exponential moving average of a network's weights: what DDPM samples from.

    average <- d average + (1 - d) weights            after every optimiser step

    constant   d = decay                              DDPM appendix B, decay = 0.9999 from step 1
    ramp       d = min(decay, (1 + n) / (10 + n))     n updates before this one

With the constant decay, decay^n of the initial weights is still there after n updates: 37 % at
10,000.  The ramp forgets them at once.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core.checks import require_choice, require_count, require_number

KINDS = ("constant", "ramp")


def ema_decay(updates: int, decay: float = 0.9999, kind: str = "constant") -> float:
    """d of the next update, after `updates` earlier ones.

    Errors: ValueError for a negative count, decay outside [0, 1), another kind.
    """
    require_count("updates", updates, least=0)
    require_number("decay", decay, 0, 1, ends="[)")
    require_choice("kind", kind, KINDS)
    return decay if kind == "constant" else min(decay, (1 + updates) / (10 + updates))


class EMA:
    """The average of a module's parameters, beginning at their present values.

    It is float32, or float64 where the parameter is: in bfloat16 a step of 1e-4 of the way would
    be rounded away.  Buffers are not averaged: `copy_to` takes their present values.
    Errors: ValueError for decay or kind as in `ema_decay`, a module without parameters, and a
    parameter that is not floating-point.
    """

    def __init__(self, module: nn.Module, decay: float = 0.9999, kind: str = "constant"):
        ema_decay(0, decay, kind)
        self.module, self.decay, self.kind, self.updates = module, decay, kind, 0
        self.average = {}
        for name, weight in module.named_parameters():
            if not weight.is_floating_point():
                raise ValueError(f"module must have floating-point parameters; got {name}, "
                                 f"{weight.dtype}")
            wide = torch.promote_types(weight.dtype, torch.float32)
            self.average[name] = weight.detach().to(wide, copy=True)
        if not self.average:
            raise ValueError("module must have a parameter to average; got none")

    @torch.no_grad()
    def update(self) -> None:
        """One step of the average towards the module's present parameters, all of them at once.

        Errors: ValueError for a module that has moved to another device, or changed its names or
        shapes, since the average was made.
        """
        weights = dict(self.module.named_parameters())
        _require_match("module", weights, self.average)
        targets = [weights[name].to(average.dtype) for name, average in self.average.items()]
        d = ema_decay(self.updates, self.decay, self.kind)
        torch._foreach_lerp_(list(self.average.values()), targets, 1 - d)
        self.updates += 1

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """The average, in module's own dtype, and the averaged module's buffers.

        Errors: ValueError where module has other names, shapes or devices.
        """
        weights, buffers = dict(module.named_parameters()), dict(module.named_buffers())
        sources = dict(self.module.named_buffers())
        _require_match("module", weights, self.average)
        _require_match("module", buffers, sources)
        for name, weight in weights.items():
            weight.copy_(self.average[name])
        for name, buffer in buffers.items():
            buffer.copy_(sources[name])

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of all that a resumed run needs: "updates", int64, and "average.<parameter>"."""
        state = {f"average.{name}": value.clone() for name, value in self.average.items()}
        return {"updates": torch.tensor(self.updates), **state}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state_dict`, on any device.

        Errors: ValueError for a missing or unknown name, another shape or dtype; nothing is
        loaded then.
        """
        updates = state.get("updates")
        if updates is None or updates.dtype != torch.int64 or updates.ndim != 0:
            raise ValueError(f"updates must be an int64 tensor of shape (); got {updates!r}")
        count = int(updates.item())
        require_count("updates", count, least=0)
        # Moved to where the average lies; a name that it lacks stays, to be reported.
        expected = {f"average.{name}": value for name, value in self.average.items()}
        loaded = {name: value.to(expected[name].device) if name in expected else value
                  for name, value in state.items() if name != "updates"}
        _require_match("state", loaded, expected)
        for name, average in expected.items():
            if loaded[name].dtype != average.dtype:
                raise ValueError(f"state must hold {name} as {average.dtype}; "
                                 f"got {loaded[name].dtype}")
        for name, average in expected.items():
            average.copy_(loaded[name])
        self.updates = count


def _require_match(
    what: str, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """The same names, and each of the same shape and on the same device."""
    missing, unknown = sorted(expected.keys() - tensors), sorted(tensors.keys() - expected)
    if missing or unknown:
        raise ValueError(f"{what} must have the names of the average; missing {missing[:3]}, "
                         f"unknown {unknown[:3]}")
    for name, tensor in tensors.items():
        like = expected[name]
        if tensor.shape != like.shape or tensor.device != like.device:
            raise ValueError(
                f"{what} must have {name} of shape {tuple(like.shape)} on {like.device}; got "
                f"{tuple(tensor.shape)} on {tensor.device}"
            )
