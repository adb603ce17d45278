# Squares, by two workers; the argument is the size of a chunk, or "auto".


def square(number):
    return number * number


pool = multiprocessing.Pool(2)
chunk_size = None if sys.argv[2] == "auto" else int(sys.argv[2])


def run(operations):
    squares = pool.map(square, range(operations), chunksize=chunk_size)
    assert len(squares) == operations


serve(run)
