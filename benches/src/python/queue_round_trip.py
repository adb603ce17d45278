# An item goes to another process through one queue and comes back through a second one.


def echo(there, back):
    while True:
        back.put(there.get())


there, back = multiprocessing.Queue(), multiprocessing.Queue()
start(echo, there, back)


def run(operations):
    for number in range(operations):
        there.put(number)
        back.get()


serve(run)
