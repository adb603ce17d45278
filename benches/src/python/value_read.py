# Reads a value in shared memory; to read it takes its lock.

value = multiprocessing.Value("q", 0)


def run(operations):
    for _ in range(operations):
        value.value


serve(run)
