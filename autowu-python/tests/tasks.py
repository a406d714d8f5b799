"""A small task whose default run restores several times: two moons, a network, AdamW."""

import math

import torch


def batches(steps, seed=0, size=64):
    """Noisy two moons, from the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        label = torch.randint(0, 2, (size,), generator=generator)
        angle = torch.rand(size, generator=generator) * math.pi
        sign = 1.0 - 2.0 * label
        x = torch.stack([torch.cos(angle) * sign + label, torch.sin(angle) * sign + label / 2], 1)
        yield x + 0.15 * torch.randn(size, 2, generator=generator), label


def model(seed=0, width=32):
    """With a batch normalisation, so that there are buffers to restore."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(2, width),
        torch.nn.BatchNorm1d(width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, 2),
    )


def adamw(network, **options):
    """Its learning rate is not used."""
    return torch.optim.AdamW(network.parameters(), lr=1e-3, **options)


def loss_of(network, batch):
    """Cross-entropy."""
    x, y = batch
    return torch.nn.functional.cross_entropy(network(x), y)


def weights(network):
    """All parameters and buffers as one vector, for comparisons of bits."""
    return torch.cat([value.detach().reshape(-1).double() for value in network.state_dict().values()])


def train(network, optimizer, sched, data, on_step=None):
    """The loop of the README."""
    for batch in data:
        loss = loss_of(network, batch)
        optimizer.zero_grad()
        loss.backward()
        updates = sched.step(loss)
        if updates:
            optimizer.step()
        if on_step is not None:
            on_step(loss, updates)
