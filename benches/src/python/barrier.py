# Parties that meet again and again; the argument says how many.


def meet(barrier):
    while True:
        barrier.wait()


parties = int(sys.argv[2])
barrier = multiprocessing.Barrier(parties)
for _ in range(parties - 1):
    start(meet, barrier)


def run(operations):
    for _ in range(operations):
        barrier.wait()


serve(run)
