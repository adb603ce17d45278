# Squares, one task at a time.


def square(number):
    return number * number


pool = multiprocessing.Pool(2)


def run(operations):
    for number in range(operations):
        pool.apply(square, (number,))


serve(run)
