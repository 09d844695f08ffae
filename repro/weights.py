"""Networks as folders in the layout of Hugging Face diffusers: given away, and taken from others.

    folder/config.json                                 the fields of UNet2DModel
    folder/diffusion_pytorch_model.safetensors         its tensors

safetensors only: a .bin or .pt file is a pickle, which runs code when it is read.  A folder
appears whole or not at all: it is written beside its place, flushed to the disk, and renamed.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from core.diffusers_layout import (
    config_from_diffusers,
    config_to_diffusers,
    state_from_diffusers,
    state_to_diffusers,
)
from core.unet import UNet
from repro.errors import ReproError
from repro.files import write_folder

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class WeightsError(ReproError):
    """A folder that is not a network that this code can read or write; the message says why."""


def load_unet(folder: str | Path) -> UNet:
    """The network in a folder, in float32, on the CPU and in evaluation mode.

    Errors: WeightsError for a missing, truncated or corrupt file, a pickle in place of
    safetensors, a value that is not finite, and what `core.diffusers_layout` refuses.
    """
    folder = Path(folder)
    written = _read_config(folder / CONFIG)
    state = _read_weights(folder)
    try:
        config = config_from_diffusers(written)
        state = state_from_diffusers(config, state)
    except ValueError as error:
        raise WeightsError(f"{folder}: {error}") from error
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{folder / WEIGHTS} must hold finite numbers; {name} does not")
    with torch.device("meta"):  # nothing is drawn that the file replaces
        network = UNet(config)
    network.load_state_dict({k: v.float() for k, v in state.items()}, assign=True)
    return network.eval()


def save_unet(network: UNet, folder: str | Path) -> None:
    """Write a network to a folder that does not exist yet, atomically; dtypes are kept.

    Errors: WeightsError where the folder exists, its parent does not, the disk is full, or the
    layout cannot express the configuration; nothing is left behind then.
    """
    folder = Path(folder)
    if folder.exists():
        raise WeightsError(f"{folder} must not exist yet: a network is never overwritten")
    if not folder.parent.is_dir():
        raise WeightsError(f"{folder.parent} must be a folder, to write {folder.name} in")
    try:
        config = config_to_diffusers(network.config)
    except ValueError as error:
        raise WeightsError(f"{folder}: {error}") from error
    state = {name: tensor.cpu() for name, tensor in
             state_to_diffusers(network.config, network.state_dict()).items()}

    def fill(partial: Path) -> None:
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (partial / CONFIG).write_text(text, encoding="utf-8")
        save_file(state, partial / WEIGHTS, metadata={"format": "pt"})

    try:
        write_folder(folder, fill)
    except ReproError as error:
        raise WeightsError(str(error)) from error
    except SafetensorError as error:
        raise WeightsError(f"{folder} cannot be written: {error}") from error


def _read_config(path: Path) -> dict[str, Any]:
    """The object in config.json, of the class that this layout describes."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path} must exist, beside {WEIGHTS}") from None
    except (OSError, ValueError, RecursionError) as error:  # nested or a number without end
        raise WeightsError(f"{path} must be readable JSON; {error}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path} must hold a JSON object; got {type(config).__name__}")
    found = config.get("_class_name", "UNet2DModel")
    if found != "UNet2DModel":
        raise WeightsError(f"{path} must describe a UNet2DModel; got {found!r}")
    return config


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of the one safetensors file."""
    path = folder / WEIGHTS
    if not path.is_file():
        pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
        why = (f"; {pickles[0]} is a pickle, which runs code when it is read: convert it to "
               f"safetensors where you trust it") if pickles else ""
        raise WeightsError(f"{path} must exist{why}")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} must be a whole safetensors file; {error}") from error

