# Two processes wake each other. Whoever does not wait has the lock, so no notification is lost.


def answer(condition, ready):
    with condition:
        ready.set()
        while True:
            condition.wait()
            condition.notify()


condition, ready = multiprocessing.Condition(), multiprocessing.Event()
start(answer, condition, ready)
ready.wait()
condition.acquire()


def run(operations):
    for _ in range(operations):
        condition.notify()
        condition.wait()


serve(run)
