# Reads items of an array in shared memory; to read one takes the array's lock.

ITEMS = 100
array = multiprocessing.Array("q", ITEMS)


def run(operations):
    for operation in range(operations):
        array[operation % ITEMS]


serve(run)
