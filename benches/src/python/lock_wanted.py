# A lock that another process wants all the time, too.


def want(lock):
    while True:
        lock.acquire()
        lock.release()


lock = multiprocessing.Lock()
start(want, lock)


def run(operations):
    for _ in range(operations):
        lock.acquire()
        lock.release()


serve(run)
