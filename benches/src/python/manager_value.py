# Adds to a value that a manager has; it could not if anybody else did so too.

manager = multiprocessing.Manager()
value = manager.Value("q", 0)


def run(operations):
    for _ in range(operations):
        value.value += 1


serve(run)
