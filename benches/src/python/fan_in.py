# Four producers put items into a queue one by one, and this process takes them out.

PRODUCERS = 4


def produce(queue, orders):
    while True:
        for number in range(orders.recv()):
            queue.put(number)


queue = multiprocessing.Queue()
ends = [multiprocessing.Pipe() for _ in range(PRODUCERS)]
for _, other_end in ends:
    start(produce, queue, other_end)


def run(operations):
    share = operations // PRODUCERS
    for end, _ in ends:
        end.send(share)
    for _ in range(share * PRODUCERS):
        queue.get()


serve(run)
