"""PyTorch's own samples of its operators (its OpInfo database) run against graphc."""
