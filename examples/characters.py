"""A recurrent net learns to spell: which character comes next in the text of Python's own
documentation; then it writes some of its own, a character at a time.

Source: A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", with a GRU.
"""

from pydoc_data.topics import topics

import numpy as np

import graphc as gr

TEXT = "\n".join(topics[name] for name in sorted(topics))
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(c) for c in TEXT[:200_000]], "uint8")
STEPS, UNITS = 32, 96

net = gr.Graph("characters", dtype="float32")
rows = net.input("rows", ("batch", STEPS + 1), "uint8")
seen = gr.nn.embedding(rows[:, :-1], len(LETTERS), UNITS)
h, _ = gr.nn.gru(seen, UNITS)
loss = gr.cross_entropy(gr.nn.dense(h, len(LETTERS)), rows[:, 1:]).named("loss")

# the same params, a character at a time
code, state = net.input("code", (1,), "uint8"), net.input("state", (1, UNITS))
cell = gr.nn.Weights(*(net[f"gru.{name}"] for name in ("Wx", "Wh", "b", "bn")))
new = gr.nn.gru_cell(gr.embedding(code, net["embedding.W"]), state, weights=cell).named("new")
logits = (new @ net["dense.W"] + net["dense.b"]).named("logits")


def batches(count: int, batch: int = 32, seed: int = 0) -> np.ndarray:
    """Pieces of the text from anywhere: (count, batch, STEPS + 1)."""
    starts = np.random.default_rng(seed).integers(0, len(CODES) - STEPS, (count, batch))
    return CODES[starts[..., None] + np.arange(STEPS + 1)]


def written(program: gr.Program, begin: str, length: int, heat: float = 0.6) -> str:
    """`begin`, and what the net makes of it: each character drawn by its probability."""
    random, text, h = np.random.default_rng(0), begin, np.zeros((1, UNITS), "float32")
    for k in range(len(begin) + length - 1):
        scores, h = program(code=[LETTERS.index(text[k])], state=h)
        if k + 1 == len(text):
            p = np.exp((scores[0] - scores.max()) / heat)
            text += LETTERS[random.choice(len(p), p=p / p.sum())]
    return text


if __name__ == "__main__":
    step = gr.compile_step(loss, optimizer=gr.optim.Adam(lr=5e-3), seed=0)
    bits = [step(rows=b) / np.log(2) for b in batches(250)]
    print(f"{len(LETTERS)} letters: {np.log2(len(LETTERS)):.1f} bits for each, by chance")
    print(f"bits a letter: {bits[0]:.2f} -> {np.mean(bits[-20:]):.2f}")
    print(written(step.compile([logits, new]), "The ", 200))
