"""A graph built by hand with networkx, node by node, and compiled with its gradient."""

import networkx as nx

import graphc as gr


def circuit() -> nx.DiGraph:
    """f = (x + y) z; an edge's slot says which argument it is, where order matters."""
    G = nx.DiGraph()
    for name in "xyz":
        G.add_node(name, op="input", type="f64")
    G.add_node("q", op="add")
    G.add_node("f", op="multiply")
    G.add_edges_from([("x", "q"), ("y", "q"), ("q", "f"), ("z", "f")])
    return G


def layer() -> nx.DiGraph:
    """h = relu(X W1), with an array for an input and one for a param."""
    G = nx.DiGraph()
    G.add_node("X", op="input", type="f32[batch,784]")
    G.add_node("W1", op="param", type="f32[784,100]")
    G.add_node("z", op="matmul")
    G.add_node("h", op="relu")
    G.add_edge("X", "z", slot=0)
    G.add_edge("W1", "z", slot=1)
    G.add_edge("z", "h")
    return G


if __name__ == "__main__":
    graph = gr.from_networkx(circuit())
    f, d = gr.compile(graph["f"], wrt=["x", "y", "z"])(x=-2, y=5, z=-4)
    print(f"f = {f:g}, dx = {d['x']:g}, dy = {d['y']:g}, dz = {d['z']:g}")

    net = gr.from_networkx(layer())
    print(net)
    print("longest path:", " -> ".join(node.name for node in nx.dag_longest_path(net.nx)))
