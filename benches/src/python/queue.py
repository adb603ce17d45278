# One producer puts items in one by one, one consumer takes them out.


def consume(queue, orders):
    while True:
        count = orders.recv()
        for _ in range(count):
            queue.get()
        orders.send(count)


queue = multiprocessing.Queue()
orders, other_end = multiprocessing.Pipe()
start(consume, queue, other_end)


def run(operations):
    orders.send(operations)
    for number in range(operations):
        queue.put(number)
    orders.recv()


serve(run)
