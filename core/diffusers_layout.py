"""Our U-Net in the layout of Hugging Face diffusers' `UNet2DModel`, and back: names and shapes.

Both describe the same network.  Three things differ: names; what is stacked here (`qkv` and
`time_projection` are one matrix each, there one per role and per block); and attention's
matrices, 1x1 convolutions (n, n, 1, 1) here and (n, n) there.  Before diffusers 0.15 attention
was named query, key, value, proj_attn; `state_from_diffusers` knows both.

The layout can say more than `UNetConfig`, and the reverse: what the other side cannot express is
a ValueError that names the field.  Pure mappings: files are read and written in `repro.weights`.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from core.checks import require_choice, require_count
from core.unet import UNet
from core.unet_config import UNetConfig

ATTENTION = {
    "to_q": ("to_q", "to_k", "to_v", "to_out.0"),
    "query": ("query", "key", "value", "proj_attn"),
}
WHOLE = {
    "time_mlp.0": "time_embedding.linear_1",
    "time_mlp.2": "time_embedding.linear_2",
    "label_embedding": "class_embedding",
    "conv_in": "conv_in",
    "norm_out": "conv_norm_out",
    "conv_out": "conv_out",
}
# What a field means where config.json leaves it out (diffusers' defaults), and the one value of
# it that is this network.  dropout, sizes and the like are read below.
FIXED = {
    "act_fn": ("silu", ("silu", "swish")),
    "add_attention": (True, (True,)),
    "center_input_sample": (False, (False,)),
    "class_embed_type": (None, (None,)),
    "downsample_padding": (1, (0,)),
    "downsample_type": ("conv", ("conv",)),
    "mid_block_scale_factor": (1, (1,)),
    "mid_block_type": ("UNetMidBlock2D", ("UNetMidBlock2D",)),
    "time_embedding_type": ("positional", ("positional",)),
    "upsample_type": ("conv", ("conv",)),
}
EMBEDDINGS = {(False, 1): "ddpm", (True, 0): "improved"}  # (flip_sin_to_cos, freq_shift)
REQUIRED = ("block_out_channels", "down_block_types", "in_channels", "out_channels",
            "sample_size", "up_block_types")
OPTIONAL = {  # with diffusers' defaults
    "attention_head_dim": 8, "attn_norm_num_groups": None, "dropout": 0.0,
    "flip_sin_to_cos": True, "freq_shift": 0, "layers_per_block": 2, "norm_eps": 1e-5,
    "norm_num_groups": 32, "num_class_embeds": None, "num_train_timesteps": None,
    "resnet_time_scale_shift": "default", "time_embedding_dim": None,
}


def config_from_diffusers(config: Mapping[str, Any]) -> UNetConfig:
    """The `UNetConfig` of a UNet2DModel's config.json.

    A field that it leaves out has diffusers' default, as there (dropout 0, not 0.1).  Twice as
    many channels out as in means a learned variance.  Errors: ValueError for a missing or
    unknown field, and for a value that is not this network, such as symmetric padding.
    """
    config = {name: value for name, value in config.items() if not name.startswith("_")}
    known = {*FIXED, *REQUIRED, *OPTIONAL}
    for name in REQUIRED:
        if name not in config:
            raise ValueError(f"config must have the field {name}; got {sorted(config)}")
    for name in config.keys() - known:
        raise ValueError(f"config must have fields of UNet2DModel only; got {name}")
    for name, (default, right) in FIXED.items():
        _require_field(name, config.get(name, default), right)
    c = {**OPTIONAL, **config}
    for name in ("in_channels", "out_channels", "sample_size"):
        require_count(name, c[name])
    for name in ("block_out_channels", "down_block_types", "up_block_types"):
        if not (isinstance(c[name], (list, tuple)) and c[name]):
            raise ValueError(f"{name} must be a list, one entry per level; got {c[name]!r}")
    for width in c["block_out_channels"]:
        require_count("each of block_out_channels", width)
    widths, n = tuple(c["block_out_channels"]), c["block_out_channels"][0]
    if any(width % n for width in widths):
        raise ValueError(f"block_out_channels must be multiples of the first; got {widths}")
    _require_field("time_embedding_dim", c["time_embedding_dim"], (None, 4 * n))
    how, groups = c["resnet_time_scale_shift"], c["norm_num_groups"]
    _require_field("resnet_time_scale_shift", how, ("default", "scale_shift"))
    if how == "scale_shift" and c["attn_norm_num_groups"] is None:
        raise ValueError(f"attn_norm_num_groups must be {groups} where resnet_time_scale_shift is "
                         f"{how!r}: without it, attention in the middle has no norm; got None")
    _require_field("attn_norm_num_groups", c["attn_norm_num_groups"], (None, groups))
    _require_field("out_channels", c["out_channels"], (c["in_channels"], 2 * c["in_channels"]))
    how_embedded = c["flip_sin_to_cos"], c["freq_shift"]
    embedding = next((name for right, name in EMBEDDINGS.items() if how_embedded == right), None)
    if embedding is None:
        raise ValueError(f"flip_sin_to_cos and freq_shift must be one of {sorted(EMBEDDINGS)}; "
                         f"got {(c['flip_sin_to_cos'], c['freq_shift'])}")
    attends = _attends(c["down_block_types"], c["up_block_types"], len(widths))
    resolutions = tuple(c["sample_size"] // 2**level for level in range(len(widths)))
    return UNetConfig(
        image_channels=c["in_channels"],
        image_size=c["sample_size"],
        channels=n,
        multipliers=tuple(width // n for width in widths),
        blocks=c["layers_per_block"],
        attention_resolutions=tuple(r for r, a in zip(resolutions, attends, strict=True) if a),
        heads=_heads(c["attention_head_dim"], widths, attends),
        dropout=c["dropout"],
        groups=groups,
        norm_eps=c["norm_eps"],
        learns_variance=c["out_channels"] == 2 * c["in_channels"],
        classes=c["num_class_embeds"],
        embedding=embedding,
        scale_shift=how == "scale_shift",
    )


def config_to_diffusers(config: UNetConfig) -> dict[str, Any]:
    """The config.json of the UNet2DModel that computes the same.

    Checkpointing is not part of it.  Errors: ValueError for multipliers that do not begin with
    1, and for several heads where attention meets different widths: it knows one size of head.
    """
    if config.multipliers[0] != 1:
        raise ValueError(f"multipliers must begin with 1 in this layout; got {config.multipliers}")
    attends = [r in config.attention_resolutions for r in config.resolutions]
    attended = {w for w, a in zip(config.widths, attends, strict=True) if a} | {config.widths[-1]}
    if config.heads > 1 and len(attended) > 1:
        raise ValueError(
            f"heads must be 1 in this layout where attention meets several widths, "
            f"{sorted(attended)}; got {config.heads}"
        )
    flip, shift = next(key for key, name in EMBEDDINGS.items() if name == config.embedding)
    return {
        "_class_name": "UNet2DModel",
        **{name: right[0] for name, (_, right) in FIXED.items()},
        **OPTIONAL,
        "sample_size": config.image_size,
        "in_channels": config.image_channels,
        "out_channels": config.out_channels,
        "block_out_channels": list(config.widths),
        "layers_per_block": config.blocks,
        "down_block_types": ["AttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        "up_block_types": ["AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)],
        "attention_head_dim": None if config.heads == 1 else config.widths[-1] // config.heads,
        "dropout": config.dropout,
        "norm_num_groups": config.groups,
        "norm_eps": config.norm_eps,
        "attn_norm_num_groups": config.groups if config.scale_shift else None,
        "resnet_time_scale_shift": "scale_shift" if config.scale_shift else "default",
        "num_class_embeds": config.classes,
        "flip_sin_to_cos": flip,
        "freq_shift": shift,
    }


def state_from_diffusers(config: UNetConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of our `UNet(config)` from that of a UNet2DModel, either attention naming.

    dtypes are kept.  Errors: ValueError that names every missing or unknown tensor (up to
    three), one that is there under both names, or the first of another shape or dtype.
    """
    new_names = {}
    for name, tensor in state.items():
        new = _renamed(name, ATTENTION["query"], ATTENTION["to_q"])
        if new in new_names:
            raise ValueError(f"state must name a tensor once; got {name} beside {new}")
        new_names[new] = tensor
    places = _places(config)
    theirs = {name for _, names in places.values() for name in names}
    _require_names(new_names, theirs)
    ours = {}
    for name, (shapes, parts) in places.items():
        for part, shape in zip(parts, shapes, strict=True):
            there = shape[:2] if _is_attention_matrix(part) else shape
            if new_names[part].shape != there or not new_names[part].is_floating_point():
                raise ValueError(
                    f"state must hold {part} as floating-point numbers of shape {tuple(there)}; "
                    f"got {new_names[part].dtype}, {tuple(new_names[part].shape)}"
                )
        ours[name] = torch.cat([new_names[part].reshape(shape)
                                for part, shape in zip(parts, shapes, strict=True)])
    return ours


def state_to_diffusers(
    config: UNetConfig, state: Mapping[str, Tensor], attention: str = "to_q"
) -> dict[str, Tensor]:
    """The state of the UNet2DModel that computes what our `UNet(config)` computes with state.

    attention: the name of the first attention matrix, "to_q", or "query" for diffusers before
    0.15.  Tensors are contiguous copies.  Errors: ValueError as in `state_from_diffusers`.
    """
    require_choice("attention", attention, tuple(ATTENTION))
    places = _places(config)
    _require_names(state, set(places))
    theirs = {}
    for name, (shapes, parts) in places.items():
        rows = [shape[0] for shape in shapes]
        expected = (sum(rows), *shapes[0][1:])
        if tuple(state[name].shape) != expected:
            raise ValueError(
                f"state must hold {name} of shape {expected}; got {tuple(state[name].shape)}"
            )
        for part, piece in zip(parts, state[name].detach().split(rows), strict=True):
            piece = piece.flatten(1) if _is_attention_matrix(part) else piece
            renamed = _renamed(part, ATTENTION["to_q"], ATTENTION[attention])
            theirs[renamed] = piece.clone(memory_format=torch.contiguous_format)
    return theirs


def _places(config: UNetConfig) -> dict[str, tuple[list[torch.Size], list[str]]]:
    """For each tensor here: the shapes it is split into, and where each piece lies there."""
    with torch.device("meta"):
        network = UNet(config)
    blocks = [name.removesuffix(".conv1.weight") for name in network.state_dict()
              if name.endswith(".conv1.weight")]
    places = {}
    for name, tensor in network.state_dict().items():
        module, _, kind = name.rpartition(".")
        if module == "time_projection":
            parts = [f"{_block(block)[0]}.time_emb_proj" for block in blocks]
            rows = network.projected
        else:
            parts = _modules_there(module)
            rows = [tensor.shape[0] // len(parts)] * len(parts)
        shapes = [torch.Size([row, *tensor.shape[1:]]) for row in rows]
        places[name] = (shapes, [f"{part}.{kind}" for part in parts])
    return places


def _modules_there(module: str) -> list[str]:
    """The modules there that one module here stands for, in the order of its rows."""
    if module in WHOLE:
        return [WHOLE[module]]
    resample = re.fullmatch(r"(down|up)\.(\d+)\.resample\.conv", module)
    if resample:
        return ["{0}_blocks.{1}.{0}samplers.0.conv".format(*resample.groups())]
    found = re.match(r"((?:down|up)\.\d+\.blocks\.\d+|middle\.\d+)\.(.+)", module)
    block, part = cast(re.Match[str], found).groups()  # no other module has tensors
    residual, attention = _block(block)
    if part == "attention.norm":
        return [f"{attention}.group_norm"]
    if part == "attention.qkv":
        return [f"{attention}.{name}" for name in ATTENTION["to_q"][:3]]
    if part == "attention.out":
        return [f"{attention}.{ATTENTION['to_q'][3]}"]
    return [f"{residual}.{'conv_shortcut' if part == 'shortcut' else part}"]


def _block(block: str) -> tuple[str, str]:
    """Where the residual part and the attention of one of our blocks lie there."""
    way, *numbers = block.replace(".blocks", "").split(".")
    there = "mid_block" if way == "middle" else f"{way}_blocks.{numbers[0]}"
    return f"{there}.resnets.{numbers[-1]}", f"{there}.attentions.{numbers[-1]}"


def _is_attention_matrix(name: str) -> bool:
    """Whether it is one of the matrices that are 1x1 convolutions here."""
    return bool(re.search(r"\.attentions\.\d+\.to_.+\.weight$", name))


def _renamed(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """An attention tensor's name in the other naming; any other name as it is."""
    for before, after in zip(old, new, strict=True):
        name = re.sub(rf"(\.attentions\.\d+\.){re.escape(before)}(\.\w+)$", rf"\1{after}\2", name)
    return name


def _attends(down: list[str], up: list[str], levels: int) -> list[bool]:
    """Which levels have attention; the way up must mirror the way down."""
    if len(down) != levels:
        raise ValueError(f"down_block_types must name {levels} levels; got {list(down)}")
    for name in down:
        _require_field("each of down_block_types", name, ("DownBlock2D", "AttnDownBlock2D"))
    mirrored = [name.replace("Down", "Up") for name in reversed(down)]
    if list(up) != mirrored:
        raise ValueError(f"up_block_types must mirror down_block_types, {mirrored}; got {list(up)}")
    return [name == "AttnDownBlock2D" for name in down]


def _heads(size: int | None, widths: tuple[int, ...], attends: list[bool]) -> int:
    """How many heads of this size attention has; None is one head of the full width."""
    attended = {w for w, a in zip(widths, attends, strict=True) if a} | {widths[-1]}
    if size is None:
        return 1
    require_count("attention_head_dim", size)
    counts = {width // size for width in attended}
    if len(counts) > 1 or any(width % size for width in attended):
        raise ValueError(
            f"attention_head_dim must give every attention, of {sorted(attended)} channels, the "
            f"same number of heads; got {size}"
        )
    return counts.pop()


def _require_field(name: str, value: Any, right: tuple[Any, ...]) -> None:
    if value not in right:
        raise ValueError(f"{name} must be {' or '.join(map(repr, right))}; got {value!r}")


def _require_names(state: Mapping[str, Tensor], expected: set[str]) -> None:
    missing, unknown = sorted(expected - state.keys()), sorted(state.keys() - expected)
    if missing or unknown:
        raise ValueError(
            f"state must have the tensors of the configuration; missing {len(missing)}: "
            f"{missing[:3]}, unknown {len(unknown)}: {unknown[:3]}"
        )
