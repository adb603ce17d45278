# Starts as many processes as wanted, which do nothing.


def sleep(says):
    says.send(1)
    signal.pause()


def run(operations):
    end, other_end = multiprocessing.Pipe()
    for _ in range(operations):
        start(sleep, other_end)
    for _ in range(operations):
        end.recv()


serve(run)
