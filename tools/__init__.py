"""What developers run: the bench, the lock, the supply chain, refreshing the notebooks."""
