"""The networks of ``surrogate.fitting`` in PyTorch: run by benchmarks/surrogates.py in an environment that has it."""

import json
import math
import sys
import time

import numpy as np
import torch


def layer(members: int, into: int, out: int) -> list[torch.Tensor]:
    weight = torch.randn(members, into, out) / math.sqrt(into)
    return [weight.requires_grad_(), torch.zeros(members, 1, out).requires_grad_()]


def network(p: list[torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    """Outputs [M, B, Q] of inputs [M, B, I]: two hidden layers beside a linear path."""
    hidden = torch.tanh(torch.baddbmm(p[1], z, p[0]))
    hidden = torch.tanh(torch.baddbmm(p[3], hidden, p[2]))
    return torch.baddbmm(p[5], hidden, p[4]) + torch.baddbmm(p[7], z, p[6])


def main(path: str, recipe: dict) -> None:
    torch.set_num_threads(1)  # more only burn time on networks of this size
    torch.manual_seed(0)
    file = np.load(path)
    x, y, later = (torch.tensor(file[name], dtype=torch.float32) for name in ("x", "y", "later_x"))
    z, t = (x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0)
    members, width, batch = recipe["members"], recipe["width"], recipe["batch"]
    sizes = [(z.shape[1], width), (width, width), (width, t.shape[1]), (z.shape[1], t.shape[1])]
    own = [part for into, out in sizes for part in layer(members, into, out)]
    inputs = torch.distributions.Exponential(1.0).sample((members, len(z)))
    begin = time.process_time()
    optimiser = torch.optim.AdamW(own, lr=recipe["rate"], weight_decay=recipe["decay"], foreach=True)
    smooth = [p.detach().clone() for p in own]
    for _ in range(recipe["rounds"] * recipe["steps_a_round"]):
        rows = torch.randint(len(z), (members, batch))
        weight = torch.gather(inputs, 1, rows)[..., None]
        error = network(own, z[rows]) - t[rows]
        loss = ((weight * (torch.sqrt(1.0 + error**2) - 1.0)).sum((1, 2)) / weight.sum((1, 2))).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        torch._foreach_lerp_(smooth, [p.detach() for p in own], 1.0 - recipe["average"])
    seconds = time.process_time() - begin
    with torch.no_grad():
        ahead = ((later - x.mean(0)) / x.std(0)).expand(members, -1, -1)

        def least(rows: int, repeats: int) -> float:
            taken = []
            for _ in range(repeats):
                begin = time.perf_counter()
                network(smooth, ahead[:, :rows]).mean(0)
                taken.append(time.perf_counter() - begin)
            return min(taken)

        speeds = {"rows": 4096 / least(4096, 6), "latency": 1e6 * least(1, 50)}
    print(json.dumps({"first": seconds, **speeds}))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
