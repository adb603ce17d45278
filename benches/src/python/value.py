# Adds to a value in shared memory.

value = multiprocessing.Value("q", 0)


def run(operations):
    for _ in range(operations):
        with value.get_lock():
            value.value += 1


serve(run)
