"""The signals of ^C and ^\\."""

import signal


def heed():
    """A shell starts what runs in the background with both ignored. Tests of ^C would
    inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
