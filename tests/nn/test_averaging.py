"""Adam with a running mean of the weights."""

import copy

import torch

from untrim.nn.averaging import AveragingAdam


def walk(optimizer: AveragingAdam, parameter: torch.Tensor, steps: int) -> list[torch.Tensor]:
    """The weights after each of some steps towards random places."""
    generator, places = torch.Generator().manual_seed(0), []
    for _ in range(steps):
        optimizer.zero_grad()
        (parameter - torch.randn(parameter.shape, generator=generator)).square().sum().backward()
        optimizer.step()
        places.append(parameter.detach().clone())
    return places


def test_the_mean_is_that_of_a_plain_loop() -> None:
    parameter = torch.nn.Parameter(torch.zeros(3, 2))
    optimizer = AveragingAdam([parameter], lr=0.1)
    places = walk(optimizer, parameter, 12)
    weights = [t * (t + 1) * (t + 2) for t in range(1, 13)]
    expected = sum(weight * place for weight, place in zip(weights, places, strict=True)) / sum(weights)
    optimizer.settle([parameter])
    torch.testing.assert_close(parameter.detach(), expected)


def test_the_steps_are_those_of_adam() -> None:
    own, other = torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(4))
    plain = torch.optim.Adam([other], lr=0.1, weight_decay=0.01)
    places = walk(AveragingAdam([own], lr=0.1, weight_decay=0.01), own, 5)
    assert torch.equal(places[-1], walk(plain, other, 5)[-1])  # type: ignore[arg-type]


def test_what_took_no_step_stays() -> None:
    moved, idle = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = AveragingAdam([moved, idle], lr=0.1)
    walk(optimizer, moved, 3)
    optimizer.settle([moved, idle])
    assert torch.equal(idle.detach(), torch.ones(2))


def test_the_mean_goes_on_from_a_saved_state() -> None:
    through = torch.nn.Parameter(torch.zeros(5))
    optimizer = AveragingAdam([through], lr=0.1)
    walk(optimizer, through, 4)
    resumed = torch.nn.Parameter(through.detach().clone())
    second = AveragingAdam([resumed], lr=0.1)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, parameter in ((optimizer, through), (second, resumed)):
        walk(each, parameter, 3)
        each.settle([parameter])
    assert torch.equal(through, resumed)
