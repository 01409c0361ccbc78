"""The command `carnet`, and `python -m carnet`."""

import gc


def console() -> None:
    """`cli.console`, once its imports are done: what they make is no garbage, and Python would look
    through it again and again while they go on.
    """
    gc.disable()
    from carnet import cli
    from carnet.engagement.interpreter import keep_imported

    keep_imported()
    cli.console()


if __name__ == "__main__":
    console()
