"""The same test in GPyTorch, batched: 100 steps of Adam on 100 losses, five posteriors on 160 at
500 locations.

    python3 gpytorch_batch.py BATCH ...

prints one JSON object per batch size: seconds of the fit and of the inference, and the device. It
uses a CUDA GPU if there is one, and stops at the first batch that its memory does not hold.
"""

import json
import sys
import time

import gpytorch
import torch

LOSSES, FIT, VOTE, VOTES, LOCATIONS, STEPS = 200, 100, 160, 5, 500, 100


class Model(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood, batch):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean(batch_shape=batch)
        kernel = gpytorch.kernels.RBFKernel(batch_shape=batch)
        kernel.lengthscale = 0.2
        kernel.raw_lengthscale.requires_grad_(False)
        self.covar_module = gpytorch.kernels.ScaleKernel(kernel, batch_shape=batch)

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def curves(batch, device):
    x = torch.arange(LOSSES, device=device) / LOSSES
    y = 0.5 + 1.5 * ((x - 0.7) / 0.7) ** 2 + 0.2 * (torch.rand(batch, LOSSES, device=device) - 0.5)
    return x, (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True)


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def subset(x, y, size):
    order = torch.rand(y.shape, device=y.device).argsort(-1)[:, :size].sort(-1).values
    return x[order].unsqueeze(-1), y.gather(-1, order)


def run(batch, device):
    x, y = curves(batch, device)
    shape = torch.Size([batch])
    wait(device)
    begun = time.perf_counter()
    likelihood = gpytorch.likelihoods.GaussianLikelihood(batch_shape=shape).to(device)
    model = Model(*subset(x, y, FIT), likelihood, shape).to(device)
    evidence = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model.train()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = -evidence(model(*model.train_inputs), model.train_targets).sum()
        loss.backward()
        optimizer.step()
    wait(device)
    fitted = time.perf_counter()
    model.eval()
    at = torch.linspace(0, 1, LOCATIONS, device=device).unsqueeze(-1).expand(batch, LOCATIONS, 1)
    with torch.no_grad():
        for _ in range(VOTES):
            model.set_train_data(*subset(x, y, VOTE), strict=False)
            posterior = model(at)
            mean, covariance = posterior.mean, posterior.covariance_matrix
            variance = covariance.diagonal(dim1=-2, dim2=-1)
            spread = variance + variance[:, -1:] - 2 * covariance[:, :, -1]
            z = (mean[:, -1:] - mean) / (spread.clamp_min(0) + 1e-4).sqrt()
            torch.special.ndtr(z).max(-1)
            mean.argmin(-1)
    wait(device)
    return fitted - begun, time.perf_counter() - fitted


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
host = f"host, {torch.get_num_threads()} threads"
name = torch.cuda.get_device_name() if device.type == "cuda" else host
run(1, device)
for batch in map(int, sys.argv[1:]):
    try:
        fit, inference = min(run(batch, device) for _ in range(2))
    except torch.OutOfMemoryError:
        print(f"a batch of {batch}: out of memory", file=sys.stderr)
        break
    row = {"batch": batch, "fit": fit, "inference": inference, "device": name}
    print(json.dumps(row), flush=True)
