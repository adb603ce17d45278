# A lock that nobody else wants; the argument is its kind.

lock = getattr(multiprocessing, sys.argv[2])()


def run(operations):
    for _ in range(operations):
        lock.acquire()
        lock.release()


serve(run)
