#!/usr/bin/env python3
"""The same test by GPyTorch, scikit-learn and autowu-core, timed in one run on one thread each.

    python3 -m venv /some/where && /some/where/bin/pip install gpytorch scikit-learn
    /some/where/bin/python autowu-core/benches/peers/peers.py [--rounds 7]

The test (paper, section 2.2): the loss curve of autowu-core/benches/curve/mod.rs, 1000 losses. Fit
constant mean, output scale and noise on 100 of them by 100 steps of Adam; then, five times, the
joint posterior of 500 locations given 500 losses, and the largest probability that the loss lies
above an earlier one (eq. 4). scikit-learn fits nothing here: it makes the five inferences with
fixed hyper-parameters.

Each round times every program once, so that all see the same machine; every figure is the median
over the rounds. Theirs is CPU time, to which other programs on the machine do not add. Ours is wall
time: a round gives the median of 100 runs.
"""

import argparse
import collections
import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import re
import statistics
import subprocess
import sys
import time
import warnings

import gpytorch
import numpy as np
import sklearn
import torch
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

warnings.filterwarnings("ignore")
torch.set_num_threads(1)

N, FIT, INFER, VOTES, LOCATIONS, LENGTH_SCALE = 1000, 100, 500, 5, 500, 0.2


def losses():
    i = np.arange(N, dtype=np.uint64)
    noise = (i * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) / 2.0**24 - 0.5
    x = i / N
    y = 0.5 + 1.5 * ((x - 0.7) / 0.7) ** 2 + 0.2 * noise
    return x, (y - y.mean()) / y.std()


def eq4(mean, covariance):
    """max over i < m of Phi((mean_m - mean_i) / sqrt(Var[f_i - f_m] + 1e-4)), and the argmin."""
    variance = np.diag(covariance) + covariance[-1, -1] - 2 * covariance[-1]
    z = (mean[-1] - mean) / np.sqrt(np.maximum(variance, 0) + 1e-4)
    return norm.cdf(z[:-1].max()), int(mean.argmin())


class Model(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
        self.covar_module.base_kernel.lengthscale = LENGTH_SCALE
        self.covar_module.base_kernel.raw_lengthscale.requires_grad_(False)

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def gpytorch_test(x, y, rng, dtype):
    subset = lambda n: np.sort(rng.choice(N, n, replace=False))
    tensors = lambda i: (torch.tensor(x[i], dtype=dtype), torch.tensor(y[i], dtype=dtype))
    train_x, train_y = tensors(subset(FIT))
    likelihood = gpytorch.likelihoods.GaussianLikelihood(
        noise_constraint=gpytorch.constraints.GreaterThan(1e-4)
    ).to(dtype)
    likelihood.noise = 1e-3
    model = Model(train_x, train_y, likelihood).to(dtype)
    model.train(), likelihood.train()
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    evidence = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    for _ in range(100):
        adam.zero_grad()
        (-evidence(model(train_x), train_y)).backward()
        adam.step()
    model.eval(), likelihood.eval()
    at = torch.linspace(0, 1, LOCATIONS, dtype=dtype)
    said = []
    with torch.no_grad():
        for _ in range(VOTES):
            model.set_train_data(*tensors(subset(INFER)), strict=False)
            posterior = model(at)
            said.append(eq4(posterior.mean.numpy(), posterior.covariance_matrix.numpy()))
    scale = model.covar_module.outputscale.item()
    return said, (model.mean_module.constant.item(), scale, likelihood.noise.item())


def sklearn_inferences(x, y, rng, hyper):
    mean, scale, noise = hyper
    at = np.linspace(0, 1, LOCATIONS)[:, None]
    kernel = ConstantKernel(scale, "fixed") * RBF(LENGTH_SCALE, "fixed")
    said = []
    for _ in range(VOTES):
        i = np.sort(rng.choice(N, INFER, replace=False))
        gp = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(
            x[i, None], y[i] - mean
        )
        said.append(eq4(*gp.predict(at, return_cov=True)))
    return said


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def autowu():
    """The medians of the Rust benchmark, in seconds, by name and type."""
    command = "cargo bench -q -p autowu-core --bench cost --".split()
    command += ["whole_test", "five_inferences", "--skip", "after"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    unit = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
    found, name = {}, None
    for line in text.splitlines():
        if match := re.search(r"[├╰]─ (whole_test|five_inferences)", line):
            name = match[1]
        elif match := re.search(r"[├╰]─ (f32|f64) ", line):
            _fastest, _slowest, median = re.findall(r"([\d.]+) (ns|µs|ms|s)\b", line)[:3]
            found[name, match[1]] = float(median[0]) * unit[median[1]]
    return found


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "--rounds", type=int, default=7, help="rounds, of which the median counts"
    )
    rounds = arguments.parse_args().rounds

    x, y = losses()
    rng = np.random.default_rng(0)
    said, hyper = gpytorch_test(x, y, rng, torch.float64)
    also = sklearn_inferences(x, y, rng, hyper)
    print(f"GPyTorch (P, argmin): {[(round(p, 4), i) for p, i in said]}", file=sys.stderr)
    print(f"scikit-learn:         {[(round(p, 4), i) for p, i in also]}", file=sys.stderr)

    by_torch, by_sklearn = f"GPyTorch {gpytorch.__version__}", f"scikit-learn {sklearn.__version__}"
    test = lambda dtype: lambda: gpytorch_test(x, y, rng, dtype)
    inferences = lambda: sklearn_inferences(x, y, rng, hyper)
    peers = [
        (f"{by_torch}, whole test, f32", "whole_test", test(torch.float32)),
        (f"{by_torch}, whole test, f64", "whole_test", test(torch.float64)),
        (f"{by_sklearn}, the five inferences, f64", "five_inferences", inferences),
    ]
    autowu(), [function() for _, _, function in peers]  # builds, imports, caches
    runs = collections.defaultdict(list)
    for _ in range(rounds):
        for what, _, function in peers:
            runs[what].append(seconds(function))
        for key, time_ in autowu().items():
            runs[key].append(time_)
    median = {key: 1e3 * statistics.median(times) for key, times in runs.items()}
    print("| one thread, median | ms | AutoWU f64, ms | ratio | AutoWU f32, ms | ratio |")
    print("|---|---|---|---|---|---|")
    for what, part, _ in peers:
        theirs, double, single = median[what], median[part, "f64"], median[part, "f32"]
        ours = [f"{t:.3f} | {theirs / t:.0f}" for t in (double, single)]
        print(f"| {what} | {theirs:.1f} | {ours[0]} | {ours[1]} |")


if __name__ == "__main__":
    main()
