# A number goes to another process and comes back through a duplex pipe.


def echo(end):
    while True:
        end.send(end.recv())


end, other_end = multiprocessing.Pipe()
start(echo, other_end)


def run(operations):
    for number in range(operations):
        end.send(number)
        end.recv()


serve(run)
