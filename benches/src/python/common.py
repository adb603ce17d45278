# What every script begins with: it ends with who started it, forks its helpers, and does what its standard input says.

import ctypes
import multiprocessing
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent):
    """Has the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def start(work, *arguments):
    """Starts a helper, which ends with this process."""
    multiprocessing.Process(target=work, args=arguments, daemon=True).start()


def serve(run):
    """Reads how many operations are wanted, does them, and says so, until nothing more comes."""
    print("ready", flush=True)
    for line in sys.stdin:
        operations = int(line)
        run(operations)
        print(operations, flush=True)


main = os.getpid()
die_with(int(sys.argv[1]))
os.register_at_fork(after_in_child=lambda: die_with(main))
multiprocessing.set_start_method("fork")
