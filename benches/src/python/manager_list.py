# Appends to a list that a manager has.

manager = multiprocessing.Manager()
numbers = manager.list()


def run(operations):
    del numbers[:]
    for number in range(operations):
        numbers.append(number)


serve(run)
