"""Pictures: the pixels of a grid one by one; what a figure draws, and that its file is whole."""

import math

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from repro.errors import ReproError
from repro.pictures import fid_against_steps, grid, learning_curve, rate_distortion, write_png


def test_a_grey_grid_pixel_by_pixel():
    images = torch.tensor([0, 16, 8, 4, 1], dtype=torch.uint8).reshape(5, 1, 1, 1)
    images = images.repeat(1, 1, 1, 2)
    images[0, 0, 0, 1] = 12
    picture = grid(images, 17, columns=3, scale=2)
    assert (picture.mode, picture.size) == ("L", (16, 7))
    w = 255
    assert np.asarray(picture).tolist() == [
        [w] * 16,
        [w, 0, 0, 191, 191, w, 255, 255, 255, 255, w, 128, 128, 128, 128, w],
        [w, 0, 0, 191, 191, w, 255, 255, 255, 255, w, 128, 128, 128, 128, w],
        [w] * 16,
        [w, 64, 64, 64, 64, w, 16, 16, 16, 16, w, w, w, w, w, w],
        [w, 64, 64, 64, 64, w, 16, 16, 16, 16, w, w, w, w, w, w],
        [w] * 16,
    ]


def test_colours_keep_their_channels_and_rows_their_height():
    image = torch.arange(18, dtype=torch.uint8).reshape(1, 3, 2, 3)
    picture = grid(image, 256, scale=1)
    assert (picture.mode, picture.size) == ("RGB", (5, 4))
    assert picture.getpixel((1, 1)) == (0, 6, 12)
    assert picture.getpixel((3, 1)) == (2, 8, 14)
    assert picture.getpixel((1, 2)) == (3, 9, 15)
    assert picture.getpixel((0, 0)) == picture.getpixel((4, 3)) == (255, 255, 255)


@pytest.mark.parametrize("count, side, size", [
    (64, 8, (8 * 65 + 1, 8 * 65 + 1)), (10, 32, (3 * 65 + 1, 4 * 65 + 1)), (1, 100, (102, 102)),
])
def test_a_grid_is_near_to_a_square_by_itself(count, side, size):
    assert grid(torch.zeros(count, 1, side, side, dtype=torch.uint8)).size == size


@pytest.mark.parametrize("images, options, parts", [
    (torch.zeros(1, 1, 2, 2), {}, ("uint8", "float32")),
    (torch.zeros(1, 2, 2, 2, dtype=torch.uint8), {}, ("C of 1 or 3", "(1, 2, 2, 2)")),
    (torch.zeros(0, 1, 2, 2, dtype=torch.uint8), {}, ("one or more", "(0, 1, 2, 2)")),
    (torch.zeros(1, 2, 2, dtype=torch.uint8), {}, ("(N, C, H, W)", "(1, 2, 2)")),
    (torch.full((1, 1, 2, 2), 17, dtype=torch.uint8), {"levels": 17}, ("levels = 17", "got 17")),
    (torch.zeros(1, 1, 2, 2, dtype=torch.uint8), {"columns": 0}, ("columns", "1 or more")),
    (torch.zeros(1, 1, 2, 2, dtype=torch.uint8), {"scale": 0}, ("scale", "1 or more")),
])
def test_what_makes_no_grid(images, options, parts):
    with pytest.raises(ReproError) as caught:
        grid(images, **options)
    assert all(part in str(caught.value) for part in parts)


def lines(figure):
    """label -> (x, y) of every curve."""
    return {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
            for line in figure.axes[0].get_lines()}


def labels(figure):
    return figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()


def test_a_learning_curve_has_its_running_mean_and_the_published_points():
    entries = [(10 * k, 100.0 if k == 0 else float(k % 2)) for k in range(200)]
    figure = learning_curve(reversed(entries), [(500, 0.7)], quantity="loss of eps")
    drawn = lines(figure)
    assert drawn["measured"] == ([s for s, _ in entries], [v for _, v in entries])
    steps, mean = drawn["mean of the last 4 entries"]
    assert steps == [10 * k for k in range(3, 200)]
    assert mean[0] == pytest.approx(102 / 4 - 0.0) and mean[1:] == pytest.approx([0.5] * 196)
    assert drawn["published"] == ([500], [0.7])
    assert labels(figure) == ("training steps", "loss of eps")
    assert figure.axes[0].get_ylim() == (0, 1)  # twice the typical value: not the first one


def test_published_points_stay_inside_the_frame():
    entries = [(k, 100.0 if k == 0 else 1.0) for k in range(200)]
    assert learning_curve(entries, [(5, 3.0)]).axes[0].get_ylim()[1] == pytest.approx(3.3)


def test_few_values_are_joined_as_they_are():
    figure = learning_curve([(2, 5.0), (1, 9.0)], quantity="FID", smooth=False)
    assert lines(figure) == {"measured": ([1, 2], [9.0, 5.0])}


def test_fid_against_steps():
    figure = fid_against_steps({"DDIM": [(100, 4.2), (10, 13.0)], "ancestral": [(1000, 3.2)]},
                               {"DDIM": [(10, 13.36)], "sigma-hat": [(10, 367.43)]})
    assert lines(figure) == {
        "DDIM": ([10, 100], [13.0, 4.2]), "DDIM, published": ([10], [13.36]),
        "ancestral": ([1000], [3.2]), "sigma-hat, published": ([10], [367.43]),
    }
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "100", "1000"]
    colours = {line.get_label(): line.get_color() for line in axes.get_lines()}
    assert colours["DDIM"] == colours["DDIM, published"] != colours["ancestral"]
    assert labels(figure) == ("sampling steps", "FID (lower is better)")


def test_rate_and_distortion_leave_out_the_whole_image():
    figure = rate_distortion([3.75, 1.78, 0.1, 0.0], [0, 0.95, 12.0, 67.0],
                             [(1.77581, 0.95136), (0.0, 67.60125)], levels=17)
    assert lines(figure) == {"measured": ([0.0, 0.1, 1.78], [67.0, 12.0, 0.95]),
                             "published": ([0.0, 1.77581], [67.60125, 0.95136])}
    assert labels(figure) == ("rate (bits per dimension)",
                              "distortion (RMSE, on the scale 0 to 16)")
    assert figure.axes[0].get_xlim()[0] < 0 < figure.axes[0].get_ylim()[1]


@pytest.mark.parametrize("draw, parts", [
    (lambda: learning_curve([]), ("entries", "a point or more", "none")),
    (lambda: learning_curve([(1, math.nan)]), ("entries", "finite", "nan")),
    (lambda: learning_curve([(1, 1.0)], [(1, math.inf)]), ("published", "finite", "inf")),
    (lambda: fid_against_steps({}), ("measured", "a sampler or more", "none")),
    (lambda: fid_against_steps({"DDIM": [(10, -1.0)]}), ("DDIM", "finite and positive", "-1.0")),
    (lambda: rate_distortion([1.0], [0.0]), ("2 or more", "1 and 1")),
    (lambda: rate_distortion([1.0, 2.0], [0.0]), ("one length", "2 and 1")),
    (lambda: rate_distortion([1.0, math.nan], [0.0, 1.0]), ("rates and rmse", "finite")),
])
def test_what_cannot_be_drawn(draw, parts):
    with pytest.raises(ReproError) as caught:
        draw()
    assert all(part in str(caught.value) for part in parts)


@pytest.mark.parametrize("picture, size", [
    (grid(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), columns=2), (131, 131)),
    (learning_curve([(k, 1 / (k + 1)) for k in range(300)]), (960, 600)),
    (fid_against_steps({"DDIM": [(10, 13.0), (20, 6.8)]}), (960, 600)),
    (rate_distortion([3, 2, 1], [0, 1, 2]), (960, 600)),
])
def test_files_are_pictures_and_equal_each_time(tmp_path, picture, size):
    for name in ("a.png", "b.png"):
        write_png(picture, tmp_path / name)
    with Image.open(tmp_path / "a.png") as read:
        read.load()
        assert (read.format, read.size) == ("PNG", size)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_figures_leave_no_trace_in_matplotlib():
    before = dict(matplotlib.rcParams)
    learning_curve([(1, 1.0)])
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_a_picture_that_cannot_be_written(tmp_path):
    picture = grid(torch.zeros(1, 1, 2, 2, dtype=torch.uint8))
    with pytest.raises(ReproError, match=r"a\.png cannot be written"):
        write_png(picture, tmp_path / "missing" / "a.png")
