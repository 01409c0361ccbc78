"""`python -m carnet`."""

from carnet.cli import console

if __name__ == "__main__":
    console()
