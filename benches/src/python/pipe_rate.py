# Numbers go through a one-way pipe, one by one.


def consume(receiver, orders):
    while True:
        count = orders.recv()
        for _ in range(count):
            receiver.recv()
        orders.send(count)


receiver, sender = multiprocessing.Pipe(duplex=False)
orders, other_end = multiprocessing.Pipe()
start(consume, receiver, other_end)


def run(operations):
    orders.send(operations)
    for number in range(operations):
        sender.send(number)
    orders.recv()


serve(run)
