"""Who is behind, by how much, whose account."""
