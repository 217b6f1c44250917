"""What every augmentation promises, and each one against a loop over single images."""

from __future__ import annotations

import pytest
import torch

from bench.parts.augmentations import augmentations

SHAPES = [(1, 1, 8, 8), (7, 3, 6, 9), (64, 1, 8, 8)]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
PARTS = [pytest.param(part, id=part.name) for part in augmentations]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(shape, device="cpu"):
    return torch.randn(shape, generator=seeded(99)).to(device)


def available(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("part", PARTS)
def test_shape_type_and_device_stay(part, shape, dtype, device):
    available(device)
    batch = images(shape, device).to(dtype)
    out = part.target(batch, seeded())
    assert (out.shape, out.dtype, out.device) == (batch.shape, batch.dtype, batch.device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("part", PARTS)
def test_the_generator_decides_and_the_input_stays(part, device):
    available(device)
    batch = images((64, 3, 8, 8), device)
    before = batch.clone()
    first, again, other = (part.target(batch, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, before)
    assert torch.equal(first.cpu(), part.target(before.cpu(), seeded(1)))


@pytest.mark.parametrize("part", PARTS)
def test_the_global_generator_is_left_alone(part):
    before = torch.get_rng_state()
    part.target(images((8, 1, 8, 8)), seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("part", PARTS)
def test_only_the_images_change_hands_with_their_place(part):
    """An image is moved as its place in the batch says, whatever the others hold."""
    batch = images((16, 3, 8, 8))
    changed = batch.clone()
    changed[3] = 7.0
    first, second = part.target(batch, seeded()), part.target(changed, seeded())
    rest = [index for index in range(16) if index != 3]
    assert torch.equal(first[rest], second[rest])
    assert not torch.equal(first[3], second[3])


def crop_one_by_one(batch, generator, padding):
    corners = torch.randint(2 * padding + 1, (len(batch), 2), generator=generator)
    out = torch.zeros_like(batch)
    _, _, height, width = batch.shape
    for image, corner, result in zip(batch, corners.tolist(), out, strict=True):
        for row in range(height):
            for column in range(width):
                y, x = row + corner[0] - padding, column + corner[1] - padding
                if 0 <= y < height and 0 <= x < width:
                    result[:, row, column] = image[:, y, x]
    return out


def flip_one_by_one(batch, generator, probability):
    draws = torch.rand(len(batch), generator=generator).tolist()
    width = batch.shape[-1]
    return torch.stack([image[..., [width - 1 - x for x in range(width)]] if draw < probability else image for image, draw in zip(batch, draws, strict=True)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("padding", [1, 4, 11])
def test_crop_is_the_loop_over_pixels(shape, padding):
    batch = images(shape)
    assert torch.equal(augmentations["crop"].target(batch, seeded(), padding=padding), crop_one_by_one(batch, seeded(), padding))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("probability", [0.0, 0.3, 0.5, 1.0])
def test_flip_is_the_loop_over_images(shape, probability):
    batch = images(shape)
    assert torch.equal(augmentations["flip"].target(batch, seeded(), probability=probability), flip_one_by_one(batch, seeded(), probability))


def test_flip_is_an_involution():
    batch, flip = images((32, 3, 8, 8)), augmentations["flip"].target
    once = flip(batch, seeded(4))
    assert not torch.equal(once, batch)
    assert torch.equal(flip(once, seeded(4)), batch)


def test_flip_flips_half():
    batch = torch.tensor([0.0, 1.0]).expand(10_000, 1, 1, 2)
    flipped = augmentations["flip"].target(batch, seeded())[:, 0, 0, 0].sum()
    assert abs(flipped - 5000) < 4 * 50


def test_crop_offsets_are_uniform_and_independent():
    """One bright pixel in the middle shows each image's offset: all 9×9 alike."""
    batch = torch.zeros(81 * 200, 1, 17, 17)
    batch[:, :, 8, 8] = 1
    out = augmentations["crop"].target(batch, seeded())
    place = out.flatten(1).argmax(1)
    rows, columns = 12 - place // 17, 12 - place % 17
    counts = (rows * 9 + columns).bincount(minlength=81).double()
    assert ((counts - 200) ** 2 / 200).sum() < 125  # 99.9 % of chi-squared with 80 degrees of freedom
    assert out.sum() == len(batch)


def test_defaults_are_the_fields():
    assert augmentations["crop"].check({})[0] == {"padding": 4}
    assert augmentations["flip"].check({})[0] == {"probability": 0.5}
    assert augmentations["crop"].check({"padding": 0})[1]
    assert augmentations["flip"].check({"probability": 1.1})[1]
