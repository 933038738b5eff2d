"""Operations of a user's own, and stages with a gradient of a user's choice."""
