import torch

from demogen.images.subsampling import fixed_sample


def chosen(images, count, seed=0):
    return {tuple(image.tolist()) for image in images[fixed_sample(images, count, seed)]}


def test_the_choice_is_by_content_and_by_seed():
    images = torch.rand(60, 5, generator=torch.Generator().manual_seed(0))
    shuffled = images[torch.randperm(60)]
    assert len(chosen(images, 20)) == 20
    assert chosen(images, 20) == chosen(shuffled, 20) == chosen(shuffled.double(), 20)
    assert chosen(images, 20) < chosen(images, 21)
    assert chosen(images, 20) != chosen(images, 20, seed=1)
    assert chosen(images, 99) == chosen(images, 60)
