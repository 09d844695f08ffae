"""Samples as files: equal on any number of processes, after any stop; broken and foreign ones."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core.denoiser import Denoiser, respace
from core.noise import standard_normal
from core.samplers import DDIM, sample
from core.schedule import scaled_linear_schedule
from repro.errors import ReproError
from repro.profile import Sampling
from repro.sampling import DESCRIPTION, Made, fingerprint, load_images, sample_images

SHAPE, LEVELS, T = (1, 4, 4), 17, 30
SCHEDULE = scaled_linear_schedule(T)
SAMPLING = Sampling(count=23, steps=T)
DDIM_5 = Sampling(count=23, sampler="ddim", steps=5, tau="uniform", eta=0.5)


def network(x, t):
    """Elementwise, so that its arithmetic is the same in any batch."""
    return x * 0.6 + 0.01 * t.reshape(-1, 1, 1, 1)


DENOISER = Denoiser(network, SCHEDULE)


def make(folder, sampling=SAMPLING, denoiser=DENOISER, shape=SHAPE, levels=LEVELS, **options):
    options = {"weights": "w", "batch": 7, "per_part": 5, **options}
    return sample_images(denoiser, sampling, shape, levels, folder, **options)


def read(path):
    with safe_open(path, "pt") as file:
        return file.get_tensor("images").clone(), json.loads(file.metadata()["origin"])


def forge(path, images):
    """Other images under the same label, with their own checksum."""
    origin = read(path)[1]
    origin["sha256"] = hashlib.sha256(images.numpy().tobytes()).hexdigest()
    save_file({"images": images}, path, {"origin": json.dumps(origin)})


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("sampling", [SAMPLING, DDIM_5])
def test_files_do_not_depend_on_processes_or_batch(tmp_path, sampling):
    assert make(tmp_path / "one", sampling) == Made(0, 23, ())
    made = [make(tmp_path / "three", sampling, batch=2, rank=rank, world=3) for rank in range(3)]
    assert [m.made for m in made] == [10, 8, 5]  # parts 0 3, 1 4 (of 3 images), 2
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "three")
    assert sorted(one) == [*(f"part-0000{k}.safetensors" for k in range(5)), DESCRIPTION]


def test_images_are_those_of_their_seeds(tmp_path):
    make(tmp_path, DDIM_5)
    images = load_images(tmp_path, 23)
    assert images.dtype == torch.uint8 and images.shape == (23, *SHAPE)
    assert len(images.flatten(1).unique(dim=0)) == 23
    for seed in (0, 4, 5, 22):
        x = sample(respace(DENOISER, (30, 24, 18, 12, 6, 0)), DDIM(0.5, "x_0"),
                   torch.tensor([seed]), SHAPE)
        levels = torch.tensor([round(8 * (min(max(v, -1), 1) + 1)) for v in x.flatten().tolist()])
        assert images[seed].flatten().tolist() == levels.tolist()


def test_the_first_evaluation_sees_the_noise_of_the_seeds(tmp_path):
    seen = []

    def look(x, t):
        seen.append((x.clone(), t.clone()))
        return network(x, t)

    make(tmp_path, denoiser=Denoiser(look, SCHEDULE), batch=100, per_part=30)
    x_T, t = seen[0]
    assert x_T.equal(standard_normal(torch.arange(23), 0, SHAPE)) and t.tolist() == [T - 1] * 23
    assert x_T.dtype == torch.float32 and len(seen) == T


def test_a_part_says_what_it_is(tmp_path):
    make(tmp_path)
    path = tmp_path / "part-00004.safetensors"
    images, origin = read(path)
    description = (tmp_path / DESCRIPTION).read_text()
    assert len(images) == 3
    assert origin["first"] == 20
    assert origin["sha256"] == hashlib.sha256(images.numpy().tobytes()).hexdigest()
    settings = json.loads(description)
    assert (settings["tau"], settings["eta"], settings["checkpoint"]) == ("all", 0.0, "w")
    canonical = json.dumps(settings, sort_keys=True).encode()
    assert origin["protocol"] == hashlib.sha256(canonical).hexdigest()


class Stopped(Exception):
    pass


def test_a_stop_costs_a_part_and_no_bit(tmp_path):
    make(tmp_path / "whole")

    def stop(done, total):
        if done > 12:
            raise Stopped

    with pytest.raises(Stopped):
        make(tmp_path / "stopped", progress=stop)
    assert sorted(contents(tmp_path / "stopped")) == [
        "part-00000.safetensors", "part-00001.safetensors", DESCRIPTION]
    with pytest.raises(ReproError, match=r"part-00002\.safetensors must exist, for 23 images"):
        load_images(tmp_path / "stopped", 23)
    assert len(load_images(tmp_path / "stopped", 10)) == 10
    untouched = (tmp_path / "stopped" / "part-00001.safetensors").stat().st_mtime_ns
    assert make(tmp_path / "stopped", batch=3) == Made(10, 13, ())
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert (tmp_path / "stopped" / "part-00001.safetensors").stat().st_mtime_ns == untouched
    assert make(tmp_path / "stopped") == Made(23, 0, ())


def test_progress_counts_images_by_their_steps(tmp_path):
    told = []
    make(tmp_path, DDIM_5, progress=lambda done, total: told.append((done, total)), per_part=20)
    assert {total for _, total in told} == {23}
    done = [d for d, _ in told]
    assert done[:5] == [7 * k / 5 for k in range(1, 6)]  # 20 images in batches of 7, 7 and 6
    assert done == sorted(done) and done[-1] == 23 and len(done) == 4 * 5


def test_a_folder_grows_and_keeps_what_it_has(tmp_path):
    make(tmp_path / "more", replace(SAMPLING, count=40))
    make(tmp_path / "grown")
    made = make(tmp_path / "grown", replace(SAMPLING, count=40))
    assert (made.kept, made.made) == (20, 20)  # part 4 was short
    assert len(made.mended) == 1 and "part-00004.safetensors is short: 3 of 5" in made.mended[0]
    assert contents(tmp_path / "grown") == contents(tmp_path / "more")
    assert make(tmp_path / "grown") == Made(23, 0, ())  # and fewer are there already
    assert load_images(tmp_path / "grown", 23).equal(load_images(tmp_path / "more", 40)[:23])


def truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


def empty(path):
    path.write_bytes(b"")


def shorten(path):
    forge(path, read(path)[0][:2].clone())


def unlabelled(path):
    save_file({"images": read(path)[0]}, path)


@pytest.mark.parametrize("damage, why", [
    (truncate, "is not whole"), (empty, "is not whole"), (flip, "is altered"),
    (shorten, "is short: 2 of 5"), (unlabelled, "is not whole"),
])
def test_a_broken_part_is_named_and_made_anew(tmp_path, damage, why):
    make(tmp_path)
    before = contents(tmp_path)
    damage(tmp_path / "part-00003.safetensors")
    with pytest.raises(ReproError, match=rf"part-00003.safetensors {why}.*made anew"):
        load_images(tmp_path, 23)
    made = make(tmp_path)
    assert (made.kept, made.made) == (18, 5)
    assert len(made.mended) == 1 and f"part-00003.safetensors {why}" in made.mended[0]
    assert contents(tmp_path) == before


@pytest.mark.parametrize("change, parts", [
    ({"weights": "v"}, ("checkpoint is 'w' and here 'v'",)),
    ({"sampling": replace(SAMPLING, clip="off")}, ("clip is 'x_0' and here 'off'",)),
    ({"sampling": replace(SAMPLING, variance="beta_tilde", weights="raw")},
     ("variance is 'beta' and here 'beta_tilde'", "weights is 'ema' and here 'raw'")),
    ({"levels": 256}, ("levels is 17 and here 256",)),
    ({"shape": (1, 4, 5)}, ("shape is [1, 4, 4] and here [1, 4, 5]",)),
    ({"per_part": 6}, ("per_part is 5 and here 6",)),
    ({"precision": "bfloat16"}, ("precision is 'float32' and here 'bfloat16'",)),
    ({"denoiser": Denoiser(network, SCHEDULE, "v")}, ("predicts is 'eps' and here 'v'",)),
    ({"denoiser": replace(DENOISER, shown=torch.arange(T) / 3)}, ("shown is",)),
])
def test_other_samples_need_another_folder(tmp_path, change, parts):
    make(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ReproError) as caught:
        make(tmp_path, **change)
    assert all(part in str(caught.value) for part in (*parts, "choose another folder"))
    assert contents(tmp_path) == before


def test_a_part_from_elsewhere_is_refused_and_kept(tmp_path):
    make(tmp_path / "a")
    make(tmp_path / "b", weights="v")
    foreign = (tmp_path / "b" / "part-00001.safetensors").read_bytes()
    (tmp_path / "a" / "part-00001.safetensors").write_bytes(foreign)
    for use in (make, lambda folder: load_images(folder, 23)):
        with pytest.raises(ReproError, match=r"part-00001\.safetensors must hold .* from seed 5"):
            use(tmp_path / "a")
    assert (tmp_path / "a" / "part-00001.safetensors").read_bytes() == foreign


def test_a_part_in_another_one_s_place_is_refused(tmp_path):
    make(tmp_path)
    copy = (tmp_path / "part-00001.safetensors").read_bytes()
    (tmp_path / "part-00002.safetensors").write_bytes(copy)
    with pytest.raises(ReproError, match=r"part-00002\.safetensors must hold .* from seed 10"):
        load_images(tmp_path, 15)


def test_parts_that_no_description_explains_are_not_taken(tmp_path):
    make(tmp_path)
    (tmp_path / DESCRIPTION).unlink()
    with pytest.raises(ReproError, match=r"must exist beside part-00000"):
        make(tmp_path)
    with pytest.raises(ReproError, match=r"sampling\.json must exist: no samples"):
        load_images(tmp_path, 1)


@pytest.mark.parametrize("content, part", [("{", "readable JSON"), ("[]", "must describe samples"),
                                           ('{"per_part": 0}', "must describe samples")])
def test_a_broken_description_is_one_clear_error(tmp_path, content, part):
    make(tmp_path)
    (tmp_path / DESCRIPTION).write_text(content)
    for use in (make, lambda folder: load_images(folder, 23)):
        with pytest.raises(ReproError, match=rf"sampling\.json.* {part}"):
            use(tmp_path)


def test_images_above_the_levels_are_refused(tmp_path):
    make(tmp_path)
    forge(tmp_path / "part-00000.safetensors", torch.full((5, *SHAPE), 17, dtype=torch.uint8))
    with pytest.raises(ReproError, match=r"below 17.*up to 17"):
        load_images(tmp_path, 5)


@pytest.mark.parametrize("options, part", [
    ({"batch": 0}, "batch must be 1 or more; got 0"),
    ({"per_part": 0}, "per_part must be 1 or more; got 0"),
])
def test_sizes_that_are_none(tmp_path, options, part):
    with pytest.raises(ReproError, match=part):
        make(tmp_path, **options)
    with pytest.raises(ReproError, match="count must be 1 or more; got 0"):
        load_images(tmp_path, 0)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "samples").write_text("")
    with pytest.raises(ReproError, match=r"samples must be a folder"):
        make(tmp_path / "samples")


def test_a_network_that_is_not_finite_leaves_no_part(tmp_path):
    with pytest.raises(FloatingPointError, match="not finite"):
        make(tmp_path, denoiser=Denoiser(lambda x, t: x * torch.nan, SCHEDULE))
    assert sorted(contents(tmp_path)) == [DESCRIPTION]


def test_a_fingerprint_sees_every_bit_name_shape_and_dtype():
    state = {"a": torch.arange(4.0), "b": torch.tensor(1)}
    flipped = state["a"].clone()
    flipped.view(torch.int32)[2] ^= 1
    others = [
        {**state, "a": flipped}, {**state, "a": state["a"].reshape(2, 2)},
        {"a": state["a"], "c": state["b"]}, {**state, "a": state["a"].view(torch.int32)},
        {**state, "a": state["a"].bfloat16()}, {"a": state["a"]},
    ]
    same = {"b": torch.tensor(1), "a": torch.arange(8.0)[:4]}
    assert fingerprint(same) == fingerprint(state)
    assert len({fingerprint(s) for s in [state, *others]}) == 7
