"""What one worker of a test run compiled, the others need not: queries of many small books are
alike, and to compile one takes longer than to ask it. As a book's folder does it for the next
process.
"""

from carnet.book.frames import read_whole, write_whole


class Compiled(dict):
    """SQL by the digest of what is asked (`queries.key_of`)."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def get(self, key):
        """What this worker knows, else what another one left."""
        known = super().get(key)
        if known is None and (left := read_whole(self.folder / key)) is not None:
            known = left.to_pybytes().decode()
            super().__setitem__(key, known)
        return known

    def __setitem__(self, key, sql):
        if key not in self:
            write_whole(self.folder / key, sql.encode())
        super().__setitem__(key, sql)
