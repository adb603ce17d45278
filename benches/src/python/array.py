# Adds to items of an array in shared memory.

ITEMS = 100
array = multiprocessing.Array("q", ITEMS)


def run(operations):
    for operation in range(operations):
        with array.get_lock():
            array[operation % ITEMS] += 1


serve(run)
