# An event that is looked at.

event = multiprocessing.Event()


def run(operations):
    for _ in range(operations):
        event.is_set()


serve(run)
