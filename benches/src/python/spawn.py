# Starts a process after the other, the way the argument says, and waits for the first word of each. What a process does is
# a method of the standard library, since the ways that execute a program afresh find nothing that is defined here.

context = multiprocessing.get_context(sys.argv[2])


def run(operations):
    for _ in range(operations):
        end, other_end = context.Pipe()
        process = context.Process(target=other_end.send, args=(1,))
        process.start()
        end.recv()
        process.join()


serve(run)
