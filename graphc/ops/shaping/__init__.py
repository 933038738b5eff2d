"""Where elements stand: other shapes, pieces, repetitions, borders, diagonals."""
