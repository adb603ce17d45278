# Two processes wake each other with an event each.


def answer(there, back):
    while True:
        there.wait()
        there.clear()
        back.set()


there, back = multiprocessing.Event(), multiprocessing.Event()
start(answer, there, back)


def run(operations):
    for _ in range(operations):
        there.set()
        back.wait()
        back.clear()


serve(run)
