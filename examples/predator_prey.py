"""A scientific model fitted through its own solver: hares and lynxes of Hudson Bay, 1900 to 1920.

    d hares / dt  = (birth - eaten * lynxes) * hares
    d lynxes / dt = (gained * hares - death) * lynxes

A `scan` over the years, in each a `fori` of Runge-Kutta steps; the gradient goes back through all
of them. What comes out is what was published: B. Carpenter, "Predator-prey population dynamics: the
Lotka-Volterra model in Stan" (2018), finds the rates 0.55, 0.028, 0.024 and 0.80, beginning at 34
and 5.9. The pelts, in thousands, are those given there (P. Howard, "Modeling basics", 2009).
"""

import numpy as np

import graphc as gr

# fmt: off
HARES = [30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1,
         40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7]
LYNXES = [4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4,
          8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
# fmt: on
PELTS = np.stack([HARES, LYNXES], axis=1)
STEPS = 20  # of the solver, in a year

model = gr.Graph("predator_prey")
# what is positive is fitted as its logarithm
rates = gr.exp(model.param("log_rates", (4,), init=np.log([0.5, 0.02, 0.02, 0.5]))).named("rates")
begin = gr.exp(model.param("log_begin", (2,), init=np.log(PELTS[0]))).named("begin")


def change(pelts):
    """How fast both populations grow."""
    hares, lynxes = pelts[0], pelts[1]
    birth, eaten, gained, death = (rates[k] for k in range(4))
    return gr.stack([(birth - eaten * lynxes) * hares, (gained * hares - death) * lynxes])


def moment(_, pelts):
    """A step of the classical Runge-Kutta method."""
    dt = 1 / STEPS
    k1 = change(pelts)
    k2 = change(pelts + dt / 2 * k1)
    k3 = change(pelts + dt / 2 * k2)
    k4 = change(pelts + dt * k3)
    return pelts + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def year(pelts, _):
    """The populations a year later."""
    later = gr.fori(0, STEPS, moment, pelts)
    return later, pelts


_, curve = gr.scan(year, begin, np.arange(len(PELTS)))
loss = gr.mean((gr.log(curve) - np.log(PELTS)) ** 2).named("loss")

if __name__ == "__main__":
    step = gr.compile_step(loss, optimizer=gr.optim.Adam(lr=0.02))
    losses = [step() for _ in range(1500)]
    found = step.compile([rates, begin])
    names = ("birth", "eaten", "gained", "death"), ("hares", "lynxes")
    for group, values in zip(names, found(), strict=True):
        print(", ".join(f"{name} {value:.3g}" for name, value in zip(group, values, strict=True)))
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.4f}")
