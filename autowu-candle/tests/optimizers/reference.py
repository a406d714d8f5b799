"""Makes reference.safetensors with implementations that are independent of this crate.

    pip install torch==2.15.0 adamp==0.3.0 timm==1.0.31 torch_optimizer==0.3.0 \\
        safetensors==0.8.0 numpy
    python reference.py reference.safetensors

AdamP: the authors' own package. LAMB: timm (bias correction, no clipping of gradients, trust ratio
always on), and torch_optimizer for the clamp of the weights' norm. AdamW and SGD: PyTorch.

Per case: one sequence of gradients (representable in f32), and the weights after some of the 20
steps, in f64 and in f32. The learning rate grows from step to step, as in a warmup. Keys: CASE/lr
[20], CASE/VARIABLE/start, CASE/VARIABLE/gradients [20, ...], CASE/VARIABLE/f64 and /f32 [5, ...].
"""

import math
import sys

import adamp
import timm.optim
import torch
import torch_optimizer
from safetensors.torch import save_file

STEPS, KEPT = 20, [1, 2, 5, 10, 20]


def away(w, r):
    """r without its part along w; all of r where w is 0."""
    return r - w * ((w * r).sum() / (w * w).sum().clamp_min(1e-300))


# name: (start, gradient of (weights, noise, step))
def per_channel(w, r, _):
    return torch.stack([away(a, b) for a, b in zip(w, r)])


def per_layer(w, r, _):
    return away(w, r)


def mixed(w, r, t):
    return per_channel(w, r, t) if t % 3 == 0 else per_layer(w, r, t) if t % 3 == 1 else r


def free(_, r, __):
    return r


def nothing(_, r, __):
    return 0 * r


VARIABLES = {
    "matrix": ((3, 4), 1.0, free),
    "matrix_channel": ((3, 4), 1.0, per_channel),
    "conv_layer": ((2, 3, 2, 2), 0.3, per_layer),
    "conv_mixed": ((2, 3, 2, 2), 0.3, mixed),
    "conv_free": ((2, 3, 2, 2), 0.3, free),
    "bias": ((3,), 0.5, free),
    "scalar": ((), 2.0, free),
    "zero_weights": ((2, 3), 0.0, free),
    "zero_gradients": ((2, 3), 1.0, nothing),
    "zero_both": ((2, 3), 0.0, nothing),
}


def lamb(params, **kw):
    return timm.optim.Lamb(params, max_grad_norm=None, always_adapt=True, **kw)


# name: (constructor, base learning rate)
CASES = {
    "adamp": (lambda p: adamp.AdamP(p), 0.01),
    "adamp_decay": (
        lambda p: adamp.AdamP(p, weight_decay=0.5, delta=0.3, wd_ratio=0.25, betas=(0.8, 0.99)),
        0.03,
    ),
    "adamp_nesterov": (lambda p: adamp.AdamP(p, nesterov=True, weight_decay=0.1, eps=1e-3), 0.03),
    "lamb": (lambda p: lamb(p), 0.01),
    "lamb_no_decay": (lambda p: lamb(p, weight_decay=0.0, betas=(0.8, 0.99), eps=1e-3), 0.03),
    "lamb_trust_limit": (lambda p: lamb(p, weight_decay=0.3, trust_clip=True), 0.03),
    "lamb_norm_limit": (
        lambda p: torch_optimizer.Lamb(p, weight_decay=0.1, clamp_value=1.25, debias=False),
        0.01,
    ),
    "adamw": (lambda p: torch.optim.AdamW(p, weight_decay=0.3), 0.01),
    "sgd": (lambda p: torch.optim.SGD(p, lr=1, momentum=0.9), 0.01),
    "sgd_nesterov": (
        lambda p: torch.optim.SGD(p, lr=1, momentum=0.8, weight_decay=0.1, nesterov=True),
        0.01,
    ),
}


def projections(w, g, delta):
    """The authors' decision, and how far it is from the other one."""
    ratios = []
    for view in (lambda x: x.reshape(x.shape[0], -1), lambda x: x.reshape(1, -1)):
        cosines = torch.nn.functional.cosine_similarity(view(g), view(w), dim=1, eps=1e-8)
        ratios.append((cosines.abs().max() / (delta / math.sqrt(view(w).shape[1]))).item())
    assert all(r < 0.9 or r > 1.1 for r in ratios), f"too close to call in f32: {ratios}"
    return "channel" if ratios[0] < 1 else "layer" if ratios[1] < 1 else "none"


def run(make, start, lrs, gradient_of):
    params = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    optimizer = make(list(params.values()))
    kept = {name: [] for name in params}
    for t, lr in enumerate(lrs):
        for name, p in params.items():
            p.grad = gradient_of(name, t, p.detach()).to(p.dtype)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        if t + 1 in KEPT:
            for name, p in params.items():
                kept[name].append(p.detach().clone())
    return {name: torch.stack(values) for name, values in kept.items()}


def main(path):
    out = {}
    for number, (case, (make, base)) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(number)
        noise = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float64)
        f32 = lambda x: x.float().double()
        start = {name: f32(scale * noise(shape)) for name, (shape, scale, _) in VARIABLES.items()}
        lrs = [base * (1 + t / 10) for t in range(STEPS)]
        recorded = {name: [] for name in VARIABLES}
        decisions = {"channel": 0, "layer": 0, "none": 0}

        def draw(name, t, w):
            shape, _, rule = VARIABLES[name]
            delta = make([torch.nn.Parameter(w.clone())]).defaults.get("delta")
            # Redrawn until it is clear on which side of the threshold it falls.
            for _ in range(1000):
                g = f32(rule(w, noise(shape), t))
                try:
                    if delta is not None and w.dim() > 1:
                        decisions[projections(w, g, delta)] += 1
                    break
                except AssertionError:
                    continue
            else:
                raise RuntimeError(f"{case} {name}: no clear gradient")
            recorded[name].append(g)
            return g

        weights64 = run(make, start, lrs, draw)
        start32 = {n: s.float() for n, s in start.items()}
        weights32 = run(make, start32, lrs, lambda n, t, _: recorded[n][t])
        if "adamp" in case:
            print(case, decisions)
            assert min(decisions.values()) >= 20
        out[f"{case}/lr"] = torch.tensor(lrs, dtype=torch.float64)
        for name in VARIABLES:
            out[f"{case}/{name}/start"] = start[name].float()
            out[f"{case}/{name}/gradients"] = torch.stack(recorded[name]).float()
            out[f"{case}/{name}/f64"] = weights64[name]
            out[f"{case}/{name}/f32"] = weights32[name]
    save_file(out, path)


main(sys.argv[1])
